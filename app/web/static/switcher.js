() => {
  // The field over the runs leaves those that have what is typed in their names. What is typed lasts while the list is shown anew.
  let sought = '', at = false;
  const field = () => document.querySelector('details.switch .find');
  const sift = () => {
    const box = field();
    if (!box) return;
    if (!box.closest('details').open) sought = '';
    if (document.activeElement !== box) {
      if (box.value !== sought) box.value = sought;
      if (at && document.activeElement === document.body && box.closest('details').open) { box.focus(); box.setSelectionRange(sought.length, sought.length); }
    }
    const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const item of box.closest('.menu').querySelectorAll('li[data-name]')) {
      const fits = words.every((word) => item.dataset.name.includes(word));
      if (item.hidden === fits) item.hidden = !fits;
      left += fits;
    }
    const none = box.closest('.menu').querySelector('.none');
    if (none.hidden !== (left > 0)) none.hidden = left > 0;
  };
  document.addEventListener('input', (event) => { if (event.target === field()) { sought = event.target.value; sift(); } });
  document.addEventListener('focusin', (event) => { at = event.target === field(); });
  document.addEventListener('toggle', (event) => { if (event.target.matches?.('details.switch')) { at = false; sift(); } }, true);
  // a name's field has the focus as soon as it is there
  let named = false;
  const name = () => {
    const box = document.querySelector('.menu .name input');
    if (box && !named) { box.focus(); box.select(); }
    named = Boolean(box);
  };
  // shown anew, the list has lost that it was open, and is opened before anybody is told that it closed
  const reopen = (changes) => {
    const lost = changes.find((change) => change.attributeName === 'open' && change.target.matches('details.switch') && !change.target.open);
    const anew = changes.some((change) => change.type !== 'attributes' && change.target.parentElement?.closest('#top'));
    if (lost && anew) lost.target.open = true;
  };
  // the tab's title says page and run
  const title = () => {
    const page = [...document.querySelectorAll('h1')].find((one) => one.checkVisibility())?.textContent ?? '';
    const run = document.querySelector('[data-run]:not([data-run=""]) .switch .run b')?.textContent ?? '';
    const words = [page, run, 'Claywright'].filter(Boolean).join(' · ');
    if (document.title !== words) document.title = words;
  };
  let due = false;
  const tend = () => { due = false; sift(); name(); title(); };
  // the pages are shown as soon as the header says which run it is
  const ready = () => document.body.classList.contains('ready') || (document.querySelector('[data-run]') && document.body.classList.add('ready'));
  const watch = { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ['open'] };
  new MutationObserver((changes) => {
    ready();
    reopen(changes);
    if (!due) { due = true; requestAnimationFrame(() => setTimeout(tend)); }
  }).observe(document.body, watch);
  ready();
}
