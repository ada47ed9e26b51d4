() => {
  // What is wrong with a field stands beneath it: its sentence, a red edge, and both said to a screen reader. The list in #wrong
  // names them. The first one takes the focus where a button was pressed; a closed part that it is in is opened.
  let focused = '', unfolded = '';
  const controls = (block) => {
    const found = [...block.querySelectorAll('input:not([type=radio], [type=checkbox], [type=file]), textarea, select')];
    return found.length ? found : [block.querySelector('fieldset') ?? block];
  };
  const clear = (note) => {
    const block = document.getElementById(note.dataset.of);
    if (block) {
      block.removeAttribute('data-wrong');
      for (const control of controls(block)) { control.removeAttribute('aria-invalid'); control.removeAttribute('aria-describedby'); }
    }
    note.remove();
  };
  const unfold = (id) => {
    const button = document.getElementById(id)?.querySelector(':scope > .label-wrap, .label-wrap');
    if (button && !button.classList.contains('open')) button.click();
  };
  const say = (item) => {
    const { at, fold, focus } = item.dataset, words = item.textContent;
    const block = document.getElementById(at);
    if (!block?.checkVisibility()) {
      if (fold && focus && focus !== unfolded) { unfolded = focus; unfold(fold); }
      return;
    }
    if (words) {
      const id = `wrong-${at}`;
      let note = document.getElementById(id);
      if (!note) {
        note = document.createElement('p');
        Object.assign(note, { id, className: 'field-error at-field' });
        note.setAttribute('role', 'alert');
        note.dataset.of = at;
        if (block.matches('button')) block.after(note); else block.append(note);
      }
      if (note.textContent !== words) note.textContent = words;
      if (!block.hasAttribute('data-wrong')) block.setAttribute('data-wrong', '');
      for (const control of controls(block)) {
        if (control.ariaInvalid !== 'true') control.setAttribute('aria-invalid', 'true');
        if (control.getAttribute('aria-describedby') !== id) control.setAttribute('aria-describedby', id);
      }
    }
    if (focus && focus !== focused) {
      focused = focus;
      const control = block.matches('button') ? block : block.querySelector('input:checked, input, textarea, select') ?? block;
      control.focus({ preventScroll: true });
      const { top, bottom } = block.getBoundingClientRect();
      if (top < 110 || bottom > innerHeight - 60) block.scrollIntoView({ block: 'center' });
    }
  };
  const tend = () => {
    due = false;
    const items = [...document.querySelectorAll('#wrong li')];
    const places = new Set(items.filter((item) => item.textContent).map((item) => item.dataset.at));
    for (const note of document.querySelectorAll('.at-field')) if (!places.has(note.dataset.of)) clear(note);
    items.forEach(say);
  };
  let due = false;
  const watch = { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ['data-at', 'data-focus', 'class'] };
  new MutationObserver(() => { if (!due) { due = true; requestAnimationFrame(() => setTimeout(tend)); } }).observe(document.body, watch);
}
