() => {
  // the switcher closes on a click beside it and on Escape
  const menu = () => document.querySelector('details.switch[open]');
  document.addEventListener('click', (event) => { const open = menu(); if (open && !open.contains(event.target)) open.open = false; });
  document.addEventListener('keydown', (event) => {
    const open = menu();
    if (event.key === 'Escape' && open) { open.open = false; open.querySelector('summary').focus(); return; }
    if (event.target.closest('input, textarea, select, [contenteditable]') || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { j: 1, k: -1 }[event.key];
    if (!step) return;
    const all = [...document.querySelectorAll('.list li button')];
    all[all.findIndex((button) => button.ariaCurrent) + step]?.click();
  });
  // the run that is shown is kept in the address, so that a reload finds it again
  const remember = () => {
    const top = document.querySelector('[data-run]');
    if (!top) return;
    const url = new URL(location);
    if ((url.searchParams.get('run') ?? '') === top.dataset.run) return;
    if (top.dataset.run) url.searchParams.set('run', top.dataset.run); else url.searchParams.delete('run');
    history.replaceState(history.state, '', url);
  };
  new MutationObserver(remember).observe(document.body, { childList: true, subtree: true });
}
