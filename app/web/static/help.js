() => {
  // "How this works" opens a page's document in a dialog; links between documents are followed there
  let dialog = null;
  const shown = (selector) => [...document.querySelectorAll(selector)].find((one) => one.checkVisibility());
  const begin = () => {
    dialog = document.createElement('dialog');
    dialog.id = 'help';
    dialog.setAttribute('aria-labelledby', 'help-title');
    dialog.addEventListener('keydown', (event) => event.stopPropagation());  // the keys of the page behind it are not meant
    dialog.addEventListener('click', (event) => {
      event.stopPropagation();
      const link = event.target.closest('[data-doc]');
      if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        if (link.dataset.doc === dialog.dataset.topic) arrive(link.dataset.at); else open(link.dataset.doc, link.dataset.at);
      } else if (event.target.closest('[data-close]') || event.target === dialog) dialog.close();
    });
    dialog.addEventListener('close', () => shown('[data-help]')?.focus({ preventScroll: true }));
    document.querySelector('.gradio-container .contain').append(dialog);  // where the style sheet reaches it
  };
  const arrive = (at) => {
    const heading = at ? dialog.querySelector(`[id="${CSS.escape(at)}"]`) : null;
    if (heading) heading.scrollIntoView({ block: 'start' }); else dialog.scrollTop = 0;
    (heading ?? dialog.querySelector('h2')).focus({ preventScroll: true });
  };
  const unreachable = (topic) =>
    `<div class="drawer-head edged"><h2 id="help-title" tabindex="-1">How this works</h2><button type="button" data-close>Close</button></div>` +
    `<p>The app does not answer. In a terminal, <code>claywright docs ${topic}</code> shows the same.</p>`;
  const open = async (topic, at) => {
    let body = '';
    try {
      const answer = await fetch(`help/${topic}`);
      if (answer.ok) body = await answer.text();
    } catch { /* said below */ }
    if (!dialog) begin();
    dialog.innerHTML = body || unreachable(topic);
    dialog.dataset.topic = body ? topic : '';
    if (!dialog.open) dialog.showModal();
    arrive(at);
  };
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-help]');
    if (button) open(button.dataset.help);
  });
}
