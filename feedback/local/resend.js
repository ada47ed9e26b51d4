// answers that could not be sent, as the server was away: kept in this tab, and sent once it is back
(() => {
  const ANSWERS = /^\/api\/v1\/(records\/[^/]+\/responses|responses\/[^/]+|me\/responses\/bulk)$/, EVERY = 2000, SHOWN = 12000;
  const asked = new WeakMap(), waiting = new Map();
  const { open, send, setRequestHeader } = XMLHttpRequest.prototype;
  let bar = null, timer = 0, sent = 0, refused = 0;

  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    asked.set(this, { method: method.toUpperCase(), url: new URL(url, document.baseURI), headers: {} });
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
    const request = asked.get(this);
    if (request) request.headers[name] = value;
    return setRequestHeader.call(this, name, value);
  };
  XMLHttpRequest.prototype.send = function (body) {
    const request = asked.get(this);
    if (request && request.method !== 'GET' && ANSWERS.test(request.url.pathname)) {
      this.addEventListener('error', () => keep({ ...request, body }));
      this.addEventListener('timeout', () => keep({ ...request, body }));
    }
    return send.call(this, body);
  };

  const answers = (number) => (number === 1 ? '1 answer' : `${number} answers`);
  const say = (words) => {
    if (!bar) {
      bar = document.createElement('div');
      bar.id = 'claywright-resend';
      bar.setAttribute('role', 'status');
      bar.style.cssText = 'position:fixed;left:16px;bottom:64px;z-index:9999;max-width:min(34rem,90vw);'
        + 'padding:12px 16px;border-radius:8px;background:#2a2522;color:#fff;font:15px/1.4 system-ui,sans-serif';
    }
    if (!bar.isConnected) document.body.append(bar);
    bar.textContent = words;
  };
  const keep = (request) => {
    waiting.set(`${request.method} ${request.url.pathname}`, request);
    say(`Argilla does not answer. ${answers(waiting.size)} of yours ${waiting.size === 1 ? 'is' : 'are'} kept in this tab `
      + 'and will be sent as soon as it is back: leave this tab open.');
    if (!timer) timer = setTimeout(tryAgain, EVERY);
  };
  const tryAgain = async () => {
    timer = 0;
    try {
      if (!(await fetch('/api/v1/version', { cache: 'no-store' })).ok) throw new Error('not yet');
      for (const [name, { method, url, headers, body }] of [...waiting]) {
        const answer = await fetch(url, { method, headers, body });
        if (answer.status >= 500) throw new Error('not yet');
        waiting.delete(name);
        if (answer.ok) sent += 1; else refused += 1;
      }
    } catch {
      timer = setTimeout(tryAgain, EVERY);
      return;
    }
    say(`Argilla answers again: ${answers(sent)} that it had missed ${sent === 1 ? 'was' : 'were'} sent.`
      + (refused ? ` It did not take ${answers(refused)}: go back to what was open and look.` : ''));
    [sent, refused] = [0, 0];
    setTimeout(() => { if (!waiting.size) bar.remove(); }, SHOWN);
  };
  addEventListener('beforeunload', (event) => { if (waiting.size) event.preventDefault(); });
})();
