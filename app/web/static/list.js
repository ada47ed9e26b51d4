() => {
  // a search begins while it is typed, as soon as nobody types for a moment: it is told as a field that was left
  let typing = 0;
  document.addEventListener('input', (event) => {
    const field = event.target.closest('#search textarea, #search input');
    if (!field) return;
    clearTimeout(typing);
    typing = setTimeout(() => field.dispatchEvent(new FocusEvent('blur')), 300);
  });

  // with shift a range is selected, and no text
  document.addEventListener('mousedown', (event) => { if (event.shiftKey && event.target.closest('.pick')) event.preventDefault(); });

  // a part that is shown anew takes the focus from the button that was pressed in it; the same button has it again
  const rows = '#browse, #selected';
  let pressed = null;
  const remember = (event) => {
    const button = event.target.closest?.('[data-act]');
    pressed = button?.closest(rows) ? {...button.dataset} : null;
  };
  document.addEventListener('click', remember, true);
  document.addEventListener('focusin', remember);
  const same = (button) => Object.keys(pressed).every((name) => name === 'key' || button.dataset[name] === pressed[name]);
  let due = false;
  const tend = () => {
    due = false;
    if (!pressed || document.activeElement !== document.body) return;
    const all = [...document.querySelectorAll(`:is(${rows}) [data-act]`)].filter((one) => one.offsetParent && !one.disabled);
    all.find(same)?.focus({ preventScroll: true });
  };
  new MutationObserver(() => { if (!due) { due = true; requestAnimationFrame(() => setTimeout(tend)); } }).observe(document.body, { childList: true, subtree: true });
}
