"""Templates that ask for more than a template may have: prompts of TextGeneration, and chat templates, by what they do."""

from tasks.types import Message

NS = "{% set ns = namespace(x=[1]) %}"
LOOP = "{% for a in range(99999) %}"
END = "{% endfor %}"
DOUBLE = "{% set ns = namespace(x='ab') %}{% for i in range(99) %}"

HEAVY = {
    "a power": "{{ 9**(9**9) }}",
    "a power that grows": "{{ 9**(9**(9**9)) }}",
    "a power of a column": "{{ (a|int + 9)**(9**9) }}",
    "a power as a filter's argument": "{{ 'x'|center(9**9**9) }}",
    "a power in a condition": "{% if 9**(9**9) %}x{% endif %}",
    "a power in a test": "{{ 3 is divisibleby(9**(9**9)) }}",
    "a text repeated": "{{ 'a'*10**9 }}",
    "a column repeated": "{{ a*10**9 }}",
    "a text repeated, doubled": "{{ ('a'*9999999)*9999999 }}",
    "a list of lists": "{{ [[0]*10**8]*10 }}",
    "a list repeated, counted": "{{ ([0]*10**9)|length }}",
    "a tuple repeated": "{{ ((0,)*10**9)|length }}",
    "numbers multiplied in a loop": "{% set ns = namespace(x=3) %}" + LOOP + "{% set ns.x = ns.x * ns.x %}" + END + "{{ ns.x }}",
    "a number shown": "{{ 9**99999 }}",
    "a shifted number": "{{ (2**9999) ** (2**9) ** 9 }}",
    "loops in loops": LOOP * 3 + END * 3,
    "loops in loops that write": LOOP * 2 + "x" + END * 2,
    "loops in loops that add": "{% set ns = namespace(x=0) %}" + LOOP * 2 + "{% set ns.x = ns.x + 1 %}" + END * 2,
    "a loop over a list of itself": "{% set n = [0]*9999999 %}{% for a in n %}{% for b in n %}{% endfor %}{% endfor %}",
    "a range that is too long": "{{ range(10**9)|list }}",
    "ranges summed": "{{ range(99999)|list * 99999 }}",
    "lorem ipsum": "{{ lipsum(n=100000) }}",
    "lorem ipsum, long": "{{ lipsum(n=1000, min=100000, max=100001) }}",
    "ljust": "{{ a.ljust(2*10**9) }}",
    "rjust": "{{ 'x'.rjust(2000000000) }}",
    "zfill": "{{ 'x'.zfill(2000000000) }}",
    "expandtabs": "{{ '\\t'.expandtabs(2000000000) }}",
    "center": "{{ a|center(2000000000) }}",
    "center of a text": "{{ a.center(2000000000) }}",
    "indent": "{{ ('x\\n'*999999)|indent(999999) }}",
    "slice": "{{ [1]|slice(10**9)|list|length }}",
    "batch": "{{ [1]|batch(10**9, 'x')|list|length }}",
    "a wide format": "{{ '%999999999d' % 1 }}",
    "a wide format as a filter": "{{ '%0999999999d'|format(1) }}",
    "a wide format as a method": "{{ '{:>999999999}'.format(1) }}",
    "a format that takes its width": "{{ '%*d' % (999999999, 1) }}",
    "a text that doubles": DOUBLE + "{% set ns.x = ns.x ~ ns.x %}" + END + "{{ ns.x }}",
    "a text that doubles by addition": DOUBLE + "{% set ns.x = ns.x + ns.x %}" + END + "{{ ns.x }}",
    "a text that doubles by join": DOUBLE + "{% set ns.x = [ns.x, ns.x]|join(ns.x) %}" + END + "{{ ns.x }}",
    "a text that doubles by replace": DOUBLE + "{% set ns.x = ns.x|replace('a', 'ab' ~ ns.x) %}" + END + "{{ ns.x }}",
    "a text that doubles as JSON": DOUBLE + "{% set ns.x = ns.x|tojson|tojson %}" + END + "{{ ns.x }}",
    "a text that doubles when escaped": DOUBLE + "{% set ns.x = (ns.x ~ '&')|e|forceescape ~ ns.x %}" + END + "{{ ns.x }}",
    "a text that doubles as an address": DOUBLE + "{% set ns.x = (ns.x ~ '%')|urlencode ~ ns.x %}" + END + "{{ ns.x }}",
    "a list that doubles": NS + "{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}" + END,
    "a list of itself": NS + "{% for i in range(9999) %}{% set ns.x = [ns.x, ns.x] %}" + END + "{{ ns.x }}",
    "a table that grows": "{% set ns = namespace(x={}) %}" + LOOP * 2 + "{% set ns.x = dict(ns.x, a=ns.x) %}" + END * 2,
    "a shown table": NS + "{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}" + END + "{{ ns.x|pprint }}",
    "a macro that calls itself twice": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "a macro that doubles": "{% macro f(n) %}{% if n %}{{ f(n-1) * 2 }}{% else %}a{% endif %}{% endmacro %}{{ f(60) }}",
    "a loop that calls itself": "{% for x in [1, 2] recursive %}{{ loop([1, 2]) }}" + END,
    "wrapped words": "{{ ('a '*4999999)|wordwrap(1) }}",
    "links in a long text": "{{ ('www.a.com '*999999)|urlize }}",
    "a text without its tags": "{{ ('<'*4999999)|striptags }}",
    "a text in capitals": "{{ ('a '*4999999)|title|length }}" * 20,
    "sorted": "{{ (range(99999)|list * 90)|sort|length }}" * 20,
    "grouped": "{% for i in range(999) %}{{ range(99999)|map('string')|groupby('0')|list|length }}" + END,
    "what is different": "{% for i in range(9999) %}{{ range(99999)|unique|list|length }}" + END,
    "chosen at random": "{% for i in range(9999) %}{{ range(99999)|list|random }}" + END,
    "a cycler": "{% set c = cycler(*range(99999)) %}" + LOOP * 2 + "{{ c.next() }}" + END * 2,
    "generators in generators": "{{ range(99999)|map('string')|map('center', 99999)|join|length }}",
    "a number of many digits": "{{ ('9'*9999999)|int }}",
}  # fmt: skip
"""None of them has a result that could be used."""

ODD = {
    "nested braces": "{{" * 60,
    "nested brackets": "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "nested parentheses": "{{ " + "(" * 20000 + "1" + ")" * 20000 + " }}",
    "nested loops": "{% for a in [1] %}" * 60 + "x" + END * 60,
    "nested conditions": "{% if 1 %}" * 500 + "x" + "{% endif %}" * 500,
    "a long sum": "{{ 1" + "+1" * 20000 + " }}",
    "a long chain": "{{ a" + "|upper" * 8000 + " }}",
    "a long chain of attributes": "{{ a" + ".b" * 20000 + " }}",
    "many outputs": "{{ a }}{% if 1 %}" + "{{a}}" * 12000 + "{% endif %}",
    "a long name": "{{ " + "a" * 60000 + "|upper }}",
    "a long literal": "{{ '" + "a" * 60000 + "'|upper }}",
    "a longer literal": "{{ '" + "a" * 6000000 + "'|upper }}",
    "a huge number": "{{ " + "9" * 60000 + " }}",
    "blanks": "{{ a" + " " * 60000 + "|upper }}",
    "comments": "{#" * 30000,
    "raw blocks": "{% raw %}" * 7000,
    "unfinished": "{% for a in range(9) %}",
    "line ends": "\n" * 60000 + "{% if a %}{% endif %}",
    "a macro that calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "two arguments of one name": "{% macro f(a, a) %}{% endmacro %}",
    "an included file": "{% include '/etc/passwd' %}",
    "an imported file": "{% import '/etc/passwd' as f %}{{ f }}",
    "an extended file": "{% extends '/etc/passwd' %}",
    "a file from a": "{% from '/etc/passwd' import x %}{{ x }}",
    "a division": "{{ 1 / 0 }}{% if a %}{% endif %}",
    "half a letter": "{{ '\ud800' ~ a }}",
    "an escape": "{{ ''.__class__.__base__.__subclasses__() }}",
    "an escape by a global": "{{ cycler.__init__.__globals__.os.environ }}",
    "an escape by format": "{{ '{0.__class__.__init__.__globals__}'.format(a) }}",
    "an escape by attr": "{{ a|attr('__class__') }}",
}
"""Each gives a sentence or a short text."""

CHAT = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
TALK: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]


def chat_templates() -> dict[str, str]:
    """The same in front of a chat template, with the message's text for the column."""
    return {what: f"{{% set a = messages[0].content %}}{source}{CHAT}" for what, source in HEAVY.items()}
