// one listener for each part: a button with data-act becomes one event, a list's choice another, a chip shows its aspect's reason
window.takeClicks = (element, trigger) => {
  element.addEventListener('click', (event) => {
    const chip = event.target.closest('.chip');
    if (chip) { choose(chip); return; }
    const button = event.target.closest('[data-act]:not(select)');
    if (!button) return;
    const open = button.closest('details:is(.switch, .minutes)');
    if (open && button.dataset.stay === undefined) { open.open = false; open.dispatchEvent(new Event('toggle')); }  // said at once, before it is shown anew
    const chosen = button.dataset.act === 'correct' ? [...document.querySelectorAll('#browse .response:has(.stars)')] : [];
    const focus = chosen.findIndex((one) => one.classList.contains('here'));  // the response that h and l chose
    const held = event.shiftKey ? {shift: 'yes'} : {};
    const typed = button.closest('[data-form]')?.querySelector('input');
    const data = {...button.dataset, ...held, ...(typed ? {value: typed.value} : {}), ...(focus < 0 ? {} : {focus})};
    if (button.dataset.act === 'say') data.onward = document.querySelector('[data-remember=onward]')?.checked ?? false;
    const texts = ['#correct-instruction', '#correct-response'].map((field) => document.querySelector(`${field} textarea`));
    if (element.closest('#browse') && texts.every((field) => field?.offsetParent)) data.written = texts.map((field) => field.value);
    trigger('click', data);
    if (button.dataset.act === 'correct') write('#correct-response');
    if (button.dataset.act === 'edit') write('#edit-response');
  });
  // the field of a correction is where to write, as soon as it is there
  const write = (where, left = 30) => {
    const field = document.querySelector(`${where} textarea`);
    if (field?.offsetParent) field.focus(); else if (left) setTimeout(write, 100, where, left - 1);
  };
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.target.matches('[data-form] input')) event.target.closest('[data-form]').querySelector('button').click();
  });
  element.addEventListener('change', (event) => {
    const list = event.target.closest('select[data-act]');
    if (list) trigger('click', {...list.dataset, value: list.value});
  });
  const choose = (chip) => {
    const response = chip.closest('.response, .of-row');
    response.querySelectorAll('.chip').forEach((other) => {
      other.classList.toggle('on', other === chip);
      other.setAttribute('aria-pressed', other === chip);
    });
    response.querySelectorAll('.why').forEach((why) => { why.hidden = why.dataset.aspect !== chip.dataset.aspect; });
  };
};
