() => {
  // the language that was asked for in this browser, else the browser's own; English needs nothing
  const KEY = 'language';
  const kept = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const german = (kept() ?? navigator.language).startsWith('de');
  const up = /\/(?:shares|oidc)\/[^/]*$/.test(location.pathname) ? '../' : '';
  if (german) document.head.append(Object.assign(document.createElement('script'), { src: `${up}words/de.js` }));
  document.addEventListener('click', (event) => {
    if (!event.target.closest('[data-language]')) return;
    event.preventDefault();
    event.stopPropagation();
    try { localStorage.setItem(KEY, german ? 'en' : 'de'); } catch { return; }
    location.reload();
  }, true);
}
