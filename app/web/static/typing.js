() => {
  // Nothing is written into a field while somebody types in it: it is theirs until they leave it, press Enter or press a button. What
  // an answer said of it meanwhile is shown then if they left the field as it was; else it says once more what it holds.
  const TYPED = 'textarea:not([role]), input:not([role]):is([type=text], [type=number], [type=password], [type=search], :not([type]))';
  const own = new Map([HTMLInputElement, HTMLTextAreaElement].map(({ prototype }) => [prototype, Object.getOwnPropertyDescriptor(prototype, 'value')]));
  const valueOf = (field) => own.get(Object.getPrototypeOf(field));
  let typing = null, before = null, refused = null;
  const end = (field) => {
    if (field !== typing) return;
    const [told, was] = [refused, before];
    typing = before = refused = null;
    if (!told) return;
    if (field.value === was?.value) valueOf(field).set.call(field, told.value);
    else field.dispatchEvent(new Event('input', { bubbles: true }));
  };
  document.addEventListener('beforeinput', ({ target }) => {
    if (target !== typing) before = { field: target, value: target.value };
  }, true);
  document.addEventListener('input', ({ target, isTrusted }) => {
    if (!isTrusted || target === typing || target !== document.activeElement) return;
    if (!target.matches(TYPED) || target.closest('table')) return;
    typing = target;
    refused = null;
    if (before?.field !== target) before = null;
  }, true);
  document.addEventListener('blur', ({ target }) => end(target), true);
  document.addEventListener('click', ({ target }) => { if (typing && target.closest?.('button, [data-act]')) end(typing); }, true);
  // Enter tells what a line holds, as leaving it does; the search has its own way
  document.addEventListener('keydown', ({ target, key, isComposing }) => {
    if (target !== typing || key !== 'Enter' || isComposing || target.matches('textarea')) return;
    if (target.closest('#search')) end(target); else target.dispatchEvent(new FocusEvent('blur'));
  }, true);
  for (const [prototype, value] of own) {
    Object.defineProperty(prototype, 'value', {
      ...value,
      set(told) {
        const keeps = this === typing && this === document.activeElement && String(told ?? '') !== value.get.call(this);
        if (keeps) refused = { value: told }; else value.set.call(this, told);
      },
    });
  }
}
