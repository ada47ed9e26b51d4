() => {
  // What somebody is typing stays: an answer that was made before they began is not shown in the field that they type in. It is
  // theirs until they leave it or press Enter; then the field says once more what it holds, as the answer may have told it otherwise.
  const TYPED = 'textarea:not([role]), input:not([role]):is([type=text], [type=number], [type=password], [type=search], :not([type]))';
  let typing = null, overruled = false;
  const end = (field) => {
    const tells = field === typing && overruled;
    typing = null;
    overruled = false;
    if (tells) field.dispatchEvent(new Event('input', { bubbles: true }));
  };
  document.addEventListener('input', ({ target, isTrusted }) => {
    if (isTrusted && target !== typing && target === document.activeElement && target.matches(TYPED) && !target.closest('table')) {
      typing = target;
      overruled = false;
    }
  }, true);
  document.addEventListener('blur', ({ target }) => end(target), true);
  document.addEventListener('keydown', ({ target, key, isComposing }) => { if (key === 'Enter' && !isComposing) end(target); }, true);
  for (const { prototype } of [HTMLInputElement, HTMLTextAreaElement]) {
    const own = Object.getOwnPropertyDescriptor(prototype, 'value');
    Object.defineProperty(prototype, 'value', {
      ...own,
      set(value) {
        const keeps = this === typing && this === document.activeElement && String(value ?? '') !== own.get.call(this);
        if (keeps) overruled = true; else own.set.call(this, value);
      },
    });
  }
}
