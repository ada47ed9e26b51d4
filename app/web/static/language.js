(language, words) => {
  // The page in another language: `words` has what it says in English and there. Texts of people and models stay as they are.
  const ATTRIBUTES = ['title', 'aria-label', 'placeholder', 'alt'];
  const AS_IT_IS = '[translate="no"], [dir="auto"], textarea, code, pre, script, style, math';
  const NUMBER = /(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w]*[.,]?\d)/g;
  const ONLY_NUMBERS = /^[\s\d.,%+±≈()×–−:/-]*\d[\s\d.,%+±≈()×–−:/-]*$/;
  const LEAST = 5;  // letters that a phrase with holes has beside them: a shorter one would fit what it does not mean
  const LONGEST = 800;  // characters of what can be a sentence of the page
  const MOST = 5000;  // texts whose translation is remembered
  const untold = (window.untold = new Set());  // texts without a translation, which the tests look at

  const number = (text) => text.replace(/[.,]/g, (sign) => (sign === ',' ? '.' : ','));
  const numbers = (text) => text.replace(NUMBER, number).replace(/(\d)\s?%/g, '$1\u00a0%');
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const HOLE = /\{(\d*)\}/g;
  const filled = (phrase, values) => {
    let next = 0;
    return phrase.replace(HOLE, (_, which) => values[which === '' ? next++ : Number(which)] ?? '');
  };

  const exact = new Map(), counted = new Map(), holed = [];
  for (const [english, there] of Object.entries(words)) {
    if (!english.includes('{}')) { exact.set(english, there); continue; }
    if (!counted.has(english)) counted.set(english, there);
    const letters = english.replace(/\{\}|[^\p{L}]/gu, '').length;
    if (letters >= LEAST) holed.push({ parts: english.split('{}'), letters, there, pattern: null });
  }
  holed.sort((one, other) => other.letters - one.letters);

  const simple = (text) => {
    const whole = exact.get(text);
    if (whole !== undefined) return whole;
    if (ONLY_NUMBERS.test(text)) return numbers(text);
    const values = [];
    const there = counted.get(text.replace(NUMBER, (value) => (values.push(number(value)), '{}')));
    return there === undefined ? undefined : filled(there, values);
  };
  const value = (text) => (text ? translated(text) ?? text : text);
  const with_names = (text) => {
    for (const phrase of holed) {
      const [first, last] = [phrase.parts[0], phrase.parts.at(-1)];
      if (!text.startsWith(first) || !text.endsWith(last)) continue;
      phrase.pattern ??= new RegExp(`^${phrase.parts.map(escaped).join('(.*?)')}$`, 's');
      const match = phrase.pattern.exec(text);
      if (match) return filled(phrase.there, match.slice(1).map(value));
    }
    return undefined;
  };
  const in_parts = (text, between) => {
    const parts = text.split(between);
    if (parts.length < 2) return undefined;
    const there = parts.map((part, n) => (n % 2 || !part.trim() ? part : translated(part)));
    return there.includes(undefined) ? undefined : there.join('');
  };
  const beside = (text) => {  // what stands beside a name has its translation all the same
    const parts = text.split(/(\s+·\s+)/);
    const there = parts.map((part, n) => (n % 2 ? part : translated(part)));
    if (!there.some((part, n) => n % 2 === 0 && part !== undefined)) return undefined;
    return there.map((part, n) => part ?? (untold.add(parts[n]), parts[n])).join('');
  };
  const SENTENCES = /((?<=[.?!…])\s+)/;
  const CLAUSES = [/(\s+[·–→|]\s+)/, /(;\s+)/, /(:\s+)/, /(,\s+)/, /(\s+\(|\)\s*$)/];
  const remembered = new Map(), produced = new Set();  // scripts of the page copy texts from place to place
  const translated = (text) => {
    if (!/\p{L}{2}/u.test(text)) return numbers(text);
    if (text.length > LONGEST) return exact.get(text);
    if (produced.has(text)) return text;
    if (remembered.has(text)) return remembered.get(text);
    let there = simple(text) ?? in_parts(text, SENTENCES) ?? with_names(text);  // a hole is no place for a whole sentence
    for (const between of CLAUSES) there ??= in_parts(text, between);
    if (text.includes(' · ')) there ??= beside(text);
    if (remembered.size > MOST) { remembered.clear(); produced.clear(); }
    remembered.set(text, there);
    if (there !== undefined) produced.add(there);
    return there;
  };
  const whole = (text) => {
    const [, before, inner, after] = /^(\s*)(.*?)(\s*)$/s.exec(text);
    const lines = inner.split(/\s*\n\s*/).map((line) => (line ? translated(line.replace(/\s+/g, ' ')) : line));
    if (lines.includes(undefined)) { untold.add(inner); return text; }
    return before + lines.join('\n') + after;
  };

  const told = new WeakMap();  // what was put into a node, by attribute, "" for its text: it is not translated again
  const tell = (node, name, text, put) => {
    const known = told.get(node) ?? {};
    if (!text || known[name] === text) return;
    const there = whole(text);
    told.set(node, { ...known, [name]: there });
    if (there !== text) put(there);
  };
  const is_open = (element) => element && !element.closest(AS_IT_IS);
  const text_of = (node) => {
    if (is_open(node.parentElement)) tell(node, '', node.nodeValue, (there) => { node.nodeValue = there; });
  };
  const attributes_of = (element) => {
    if (element.closest('[translate="no"], [dir="auto"]')) return;
    for (const name of ATTRIBUTES)
      if (element.hasAttribute(name)) tell(element, name, element.getAttribute(name), (there) => element.setAttribute(name, there));
    // what was chosen of a list stands in a field; while somebody types there it is left alone
    if (element.matches('input[role="combobox"]') && element !== document.activeElement)
      tell(element, 'value', element.value, (there) => { element.value = there; });
  };
  const all_of = (root) => {
    if (root.nodeType === Node.TEXT_NODE) { text_of(root); return; }
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = root; node; node = walker.nextNode())
      if (node.nodeType === Node.TEXT_NODE) text_of(node); else attributes_of(node);
  };
  const choices = () => { for (const field of document.querySelectorAll('input[role="combobox"]')) attributes_of(field); };
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === 'childList') addedNodes.forEach(all_of);
      else if (type === 'characterData') text_of(target);
      else attributes_of(target);
    }
    requestAnimationFrame(choices);
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
  document.addEventListener('focusout', () => setTimeout(choices));
  document.documentElement.lang = language;
  all_of(document.documentElement);
}
