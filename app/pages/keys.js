() => {
  const menu = () => document.querySelector('details.switch[open]');
  const steps = { j: 1, k: -1 };

  // the switcher closes on a click beside it and on Escape; j and k go through the rows
  document.addEventListener('click', (event) => { const open = menu(); if (open && !open.contains(event.target)) open.open = false; });
  document.addEventListener('keydown', (event) => {
    const open = menu();
    if (event.key === 'Escape' && open) { open.open = false; open.querySelector('summary').focus(); return; }
    if (event.target.closest('input, textarea, select, [contenteditable]') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!steps[event.key]) return;
    const all = [...document.querySelectorAll('.list li button')].filter((button) => button.offsetParent);
    all[all.findIndex((button) => button.ariaCurrent) + steps[event.key]]?.click();
  });

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
  new MutationObserver(() => { unfold(); remember(); fold(); }).observe(document.body, { childList: true, subtree: true });
}
