() => {
  const menu = () => document.querySelector('details.switch[open]');
  const steps = { j: 1, k: -1 };

  const seen = (found) => [...found].filter((one) => one.offsetParent);

  // the response that 1 to 5 rate; it is remembered by its place, as its part is shown anew
  let place = 0, row = '';
  const choose = (step) => {
    const responses = seen(document.querySelectorAll('#browse .response:has(.stars)'));
    const here = document.querySelector('#browse .detail')?.ariaLabel ?? '';
    if (here !== row) { row = here; place = 0; }
    place = Math.min(Math.max(place + step, 0), Math.max(responses.length - 1, 0));
    responses.forEach((one, k) => one.classList.toggle('here', k === place && responses.length > 1));
    return responses[place];
  };
  const rows = {
    h: () => choose(-1)?.scrollIntoView({ block: 'nearest' }), l: () => choose(1)?.scrollIntoView({ block: 'nearest' }),
    '/': () => document.querySelector('#search textarea, #search input')?.focus(),
  };
  for (const value of [1, 2, 3, 4, 5]) rows[value] = () => choose(0)?.querySelector(`.stars [data-value="${value}"]`)?.click();

  // the switcher closes on a click beside it and on Escape; j and k go through the rows, the keys of a verdict press its buttons
  document.addEventListener('click', (event) => { const open = menu(); if (open && !open.contains(event.target)) open.open = false; });
  document.addEventListener('keydown', (event) => {
    const open = menu();
    if (event.key === 'Escape' && open) { open.open = false; open.querySelector('summary').focus(); return; }
    if (event.key === 'Escape' && drawer()) { close(); return; }
    if (event.target.closest('input, textarea, select, [contenteditable]') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (drawer()) return;
    const press = seen(document.querySelectorAll('#browse [data-key]')).find((one) => one.dataset.key === event.key);
    if (press) { event.preventDefault(); press.click(); return; }
    if (rows[event.key] && seen(document.querySelectorAll('#browse .detail')).length) { event.preventDefault(); rows[event.key](); return; }
    if (!steps[event.key]) return;
    const all = [...document.querySelectorAll('.list li button[data-act=open]')].filter((button) => button.offsetParent);
    all[all.findIndex((button) => button.ariaCurrent) + steps[event.key]]?.click();
  });

  // the drawer: a click beside it closes it, what has the focus in it keeps it, and what opened it gets it back
  const drawer = () => { const found = document.querySelector('#drawer'); return found?.getClientRects().length ? found : null; };
  const close = () => document.querySelector('#drawer [data-act=close]')?.click();
  const visible = (selector) => [...document.querySelectorAll(selector)].find((one) => one.checkVisibility());
  let opened = false, opener = '', pressed = null;
  document.addEventListener('click', (event) => {
    const act = event.target.closest('[data-act]');
    if (act?.closest('.tools')) { opener = act.dataset.act; return; }
    if (event.target.closest('#drawer')) pressed = act?.dataset;
    else if (event.isTrusted && drawer()) close();
    const copy = event.target.closest('[data-copy]');
    if (copy) take(copy, copy.closest('.well').querySelector('pre'));
  });
  document.addEventListener('focusin', (event) => {
    if (event.target.closest('#drawer')) pressed = event.target.closest('[data-act]')?.dataset;
  });
  const take = async (button, from) => {
    try { await navigator.clipboard.writeText(from.textContent); button.textContent = 'Copied'; }
    catch { getSelection().selectAllChildren(from); button.textContent = 'Selected, copy it with your keys'; }
    setTimeout(() => { button.textContent = 'Copy'; }, 2500);
  };
  const attend = () => {
    const found = drawer(), lost = document.activeElement === document.body;
    if (found && !opened) {
      const title = found.querySelector('h2');
      if (!title) return;
      found.setAttribute('role', 'dialog');
      found.setAttribute('aria-label', title.textContent);
      title.focus();
    } else if (found && lost && pressed) {
      const same = [...found.querySelectorAll('[data-act]')].find((one) => one.dataset.act === pressed.act && one.dataset.name === pressed.name);
      (same ?? found.querySelector('h2'))?.focus();
    } else if (!found && opened && lost) {
      (visible(`.tools [data-act=${opener}]`) ?? visible('.switch summary'))?.focus();
    }
    if (!found) pressed = null;
    opened = Boolean(found);
  };

  // what is folded open stays open when its part is shown anew
  const unfolded = new Set();
  const key = (fold) => {
    if (fold.matches('.switch')) return 'switch';
    const part = fold.closest('.block[id]');
    const of = fold.closest('li, article')?.querySelector('b, h2, h3')?.textContent ?? '';
    return part ? [part.id, of, fold.querySelector('summary').textContent].join('/') : '';
  };
  document.addEventListener('toggle', (event) => {
    const name = event.target.isConnected && key(event.target);
    if (name) unfolded[event.target.open ? 'add' : 'delete'](name);
  }, true);
  const unfold = () => {
    if (!unfolded.size) return;
    for (const fold of document.querySelectorAll('details:not([open])')) if (unfolded.has(key(fold))) fold.open = true;
  };

  // the run that is shown is kept in the address, so that a reload finds it again
  const remember = () => {
    const top = document.querySelector('[data-run]');
    if (!top) return;
    const url = new URL(location);
    const run = top.dataset.run || 'new';
    if (url.searchParams.get('run') === run) return;
    url.searchParams.set('run', run);
    history.replaceState(history.state, '', url);
  };
  // a list of choices that was renewed opens by itself; it closes unless somebody is at its field
  const fold = () => {
    for (const list of document.querySelectorAll('ul[role=listbox]')) {
      const input = list.closest('.block')?.querySelector('input');
      if (input && document.activeElement !== input) input.dispatchEvent(new FocusEvent('blur'));
    }
  };
  // once a frame, whatever changed: each look at what is visible lays the page out anew
  let due = false;
  const tend = () => { due = false; unfold(); remember(); fold(); choose(0); attend(); };
  new MutationObserver(() => { if (!due) { due = true; requestAnimationFrame(tend); } }).observe(document.body, { childList: true, subtree: true });
}
