() => {
  const menu = () => document.querySelector('details:is(.switch, .minutes)[open]');
  const seen = (found) => [...found].filter((one) => one.offsetParent);

  // what a person switched on or off; this browser remembers it
  const wants = (name) => { try { return localStorage.getItem(`claywright-${name}`) !== 'off'; } catch { return true; } };
  const want = (name, on) => { try { localStorage.setItem(`claywright-${name}`, on ? 'on' : 'off'); } catch { /* it holds until the page is closed */ } };
  const switches = () => {
    document.querySelectorAll('[data-remember]').forEach((one) => { one.checked = wants(one.dataset.remember); });
    document.documentElement.classList.toggle('no-keys', !wants('keys'));
  };
  document.addEventListener('change', (event) => {
    const name = event.target.dataset?.remember;
    if (name) { want(name, event.target.checked); switches(); }
  });

  // the response that 1 to 9 and 0 (for 10) rate; it is remembered by its place, as its part is shown anew
  let place = 0, row = '';
  const choose = (step) => {
    const responses = seen(document.querySelectorAll('#browse :is(.response, .of-row):has(.stars)'));
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
  for (const value of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) rows[value % 10] = () => {
    const rated = choose(0);
    rated?.querySelector(`.stars [data-value="${value}"]`)?.click();
    const following = seen(document.querySelectorAll('#browse :is(.response, .of-row):has(.stars)'))[place + 1];
    if (rated && following && !following.querySelector('.stars [aria-pressed=true]')) rows.l();  // on to the one that is left
  };

  // the switcher closes on a click beside it and on Escape; the keys of a row press its buttons
  document.addEventListener('click', (event) => { const open = menu(); if (open && !open.contains(event.target)) open.open = false; });
  document.addEventListener('keydown', (event) => {
    const open = menu();
    if (event.key === 'Escape' && open) { open.open = false; open.querySelector('summary').focus(); return; }
    if (event.key === 'Escape' && drawer()) { close(); return; }
    if (event.target.closest('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (drawer() || !wants('keys')) return;
    const press = seen(document.querySelectorAll('#browse [data-key]')).find((one) => one.dataset.key === event.key);
    if (press) {
      event.preventDefault();
      if (press.dataset.act === 'say' && decided === press.dataset.row) return;  // its next row is on its way
      press.click();
      return;
    }
    if (rows[event.key] && seen(document.querySelectorAll('#browse .detail')).length) { event.preventDefault(); rows[event.key](); }
  });

  // in a strip of ratings the arrow keys move, and Enter or Space rates
  document.addEventListener('keydown', (event) => {
    const strip = event.target.closest('.stars');
    if (!strip || event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = [...strip.querySelectorAll('button')], here = buttons.indexOf(event.target), last = buttons.length - 1;
    const to = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, Home: 0, End: last }[event.key];
    if (to === undefined || here < 0) return;
    event.preventDefault();
    buttons.forEach((button) => { button.tabIndex = -1; });
    const button = buttons[Math.min(Math.max(to, 0), last)];
    button.tabIndex = 0;
    button.focus();
  });

  // the row that is shown: one that is new begins below what sticks to the top, and the button that was pressed keeps the focus
  const detail = () => document.querySelector('#browse .detail');
  let open = '', decided = '', last = null;
  document.addEventListener('click', (event) => {
    const act = event.target.closest('#browse [data-act]');
    if (!act) return;
    last = act.matches('.detail *') && act === document.activeElement ? act.dataset : null;
    if (act.dataset.act === 'say' && wants('onward')) {
      decided = act.dataset.row;
      setTimeout(() => { decided = ''; }, 2000);
    }
  });
  const arrive = () => {
    const found = detail();
    if (!found?.offsetParent) return;
    if (last && document.activeElement === document.body) {
      const alike = [...found.querySelectorAll('[data-act]')].find((one) =>
        ['act', 'said', 'by', 'place', 'value'].every((name) => one.dataset[name] === last[name]));
      (alike?.disabled ? found : alike)?.focus({ preventScroll: true });
    }
    if (found.dataset.row === open) return;
    const first = !open;
    [open, decided] = [found.dataset.row, ''];
    if (first) return;
    const top = found.getBoundingClientRect().top, least = parseFloat(getComputedStyle(found).scrollMarginTop);
    if (top < least || top > innerHeight / 2) found.scrollIntoView({ block: 'start' });
  };

  document.addEventListener('click', (event) => {
    if (!event.target.closest('.skip')) return;
    event.preventDefault();
    detail()?.focus();
    detail()?.scrollIntoView({ block: 'start' });
  });

  // a text that is longer than its place ends with a sign; what was opened stays open when it is shown anew
  const whole = new Set();
  const texts = (within) => [...(within ?? document).querySelectorAll('.clip')];
  const named = (text) => {
    const card = text.closest('article');
    return [card?.dataset.row ?? document.querySelector('[data-run]')?.dataset.run, card?.ariaLabel, card ? texts(card).indexOf(text) : ''].join('/');
  };
  const clip = () => {
    for (const text of texts().filter((one) => one.offsetParent)) {
      const opened = whole.has(named(text)), body = text.querySelector('.text'), button = text.querySelector('.all');
      text.classList.toggle('whole', opened);
      text.classList.toggle('long', opened || body.scrollHeight > body.clientHeight + 2);
      button.setAttribute('aria-expanded', opened);
      button.textContent = opened ? 'Less of it' : 'All of it';
    }
    for (const part of document.querySelectorAll('.sideways, .broad')) {
      if (part.scrollWidth > part.clientWidth + 1) { part.tabIndex = 0; part.setAttribute('role', 'group'); part.ariaLabel = 'Goes on sideways'; } else part.removeAttribute('tabindex');
    }
  };
  const unroll = (some, on) => {
    for (const text of some) whole[on ? 'add' : 'delete'](named(text));
    clip();
  };
  rows.o = () => {
    const some = texts(detail()).filter((text) => text.matches('.long'));
    unroll(some, some.some((text) => !text.matches('.whole')));
  };
  document.addEventListener('click', (event) => {
    const text = event.target.closest('.all')?.closest('.clip');
    if (text) unroll([text], !text.matches('.whole'));
  });
  document.addEventListener('focusin', (event) => {  // what has the focus is in sight
    const text = event.target.closest('.clip.long:not(.whole) .text')?.closest('.clip');
    if (text) unroll([text], true);
  });
  addEventListener('resize', () => { clip(); beside(); });

  // a correction is written beside the response that it corrects: in the room that the row has for it
  const beside = () => {
    const box = seen(document.querySelectorAll('.correcting'))[0], room = document.querySelector('#correct-here');
    if (!box) return;
    if (!room?.offsetParent) { box.style.cssText = ''; return; }
    box.querySelectorAll('textarea').forEach((field) => { field.dir = 'auto'; });
    const at = room.getBoundingClientRect();
    box.style.cssText = `position: absolute; z-index: 3; width: ${at.width}px; margin: 0`;
    const from = box.offsetParent.getBoundingClientRect();
    box.style.left = `${at.left - from.left}px`;
    box.style.top = `${at.top - from.top}px`;
    room.style.minHeight = `${box.offsetHeight + 12}px`;
  };
  // who decides here is asked for where it can be seen
  let asks = false;
  const ask = () => {
    const field = document.querySelector('.naming input, .naming textarea'), now = Boolean(field?.offsetParent);
    if (now && !asks) { field.closest('.naming').scrollIntoView({ block: 'nearest' }); field.focus({ preventScroll: true }); }
    asks = now;
  };
  const sizes = new ResizeObserver(() => beside());

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
    if (fold.matches('.switch, .minutes')) return fold.className;
    const part = fold.closest('.block[id]');
    const card = fold.closest('li, article');
    const of = card?.ariaLabel ?? card?.querySelector('b, h2, h3')?.textContent ?? '';
    return part ? [part.id, of, fold.querySelector('summary').textContent].join('/') : '';
  };
  let folding = null;  // the fold whose summary was pressed: one that closes otherwise was closed by being shown anew
  document.addEventListener('click', (event) => { folding = event.target.closest?.('summary')?.parentElement ?? folding; }, true);
  document.addEventListener('toggle', (event) => {
    const fold = event.target, name = fold.isConnected && key(fold);
    if (!name) return;
    if (fold.open) unfolded.add(name);
    else if (fold === folding || fold.matches('.switch, .minutes')) unfolded.delete(name);
    else if (unfolded.has(name)) fold.open = true;
    if (fold === folding) folding = null;
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
  // Gradio gives each radio button a name of its own; of one name they are one stop of Tab, in which the arrow keys choose
  const group = () => {
    for (const choices of document.querySelectorAll('fieldset:has(input[type=radio])')) {
      const radios = [...choices.querySelectorAll('input[type=radio]')];
      for (const radio of radios) if (radio.name !== radios[0].name) radio.name = radios[0].name;
    }
  };
  // once a frame, whatever changed: each look at what is visible lays the page out anew
  let due = false;
  const tend = () => {
    due = false;
    unfold(); remember(); fold(); switches(); choose(0); clip(); ask(); beside(); arrive(); attend(); group();
    const box = seen(document.querySelectorAll('.correcting'))[0];
    if (box) sizes.observe(box);
  };
  const watch = { childList: true, subtree: true, attributes: true, attributeFilter: ['class'], attributeOldValue: true };
  const came = ({ type, target, oldValue }) => type === 'childList' || target.classList.contains('away') !== /\baway\b/.test(oldValue);
  new MutationObserver((changes) => { if (!due && changes.some(came)) { due = true; requestAnimationFrame(tend); } }).observe(document.body, watch);
}
