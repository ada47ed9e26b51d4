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
      this.addEventListener('load', () => { if (this.status < 300) waiting.delete(about({ ...request, body })); });
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
  // one for each record or response, the newest; several records at once are one for each time that they were answered
  const about = ({ url, body }) => (url.pathname.endsWith('/bulk') ? `${url.pathname} ${body}` : url.pathname);
  const keep = (request) => {
    waiting.delete(about(request));  // the newest is sent last
    waiting.set(about(request), request);
    say(`Argilla does not answer. ${answers(waiting.size)} of yours ${waiting.size === 1 ? 'is' : 'are'} kept in this tab `
      + 'and will be sent as soon as it is back: leave this tab open.');
    if (!timer) timer = setTimeout(tryAgain, EVERY);
  };
  const tryAgain = async () => {
    try {
      if (!(await fetch('/api/v1/version', { cache: 'no-store' })).ok) throw new Error('not yet');
      for (const [name, request] of [...waiting]) {
        if (waiting.get(name) !== request) continue;  // answered anew meanwhile
        const answer = await fetch(request.url, request);
        if (answer.status >= 500) throw new Error('not yet');
        if (waiting.get(name) === request) waiting.delete(name);
        if (answer.ok) sent += 1; else refused += 1;
      }
    } catch { /* it is tried again */ }
    timer = waiting.size ? setTimeout(tryAgain, EVERY) : 0;
    if (timer) return;
    if (!sent && !refused) { bar.remove(); return; }
    say(`Argilla answers again: ${answers(sent)} that it had missed ${sent === 1 ? 'was' : 'were'} sent.`
      + (refused ? ` It did not take ${answers(refused)}: go back to what was open and look.` : ''));
    [sent, refused] = [0, 0];
    setTimeout(() => { if (!waiting.size) bar.remove(); }, SHOWN);
  };
  addEventListener('beforeunload', (event) => { if (waiting.size) event.preventDefault(); });
})();
