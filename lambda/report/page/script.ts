// What the pages do: tables that sort and filter, sliders, copying a command. Plain text, since a browser runs it; its digest is in the page's policy.

export const SCRIPT = `
'use strict';
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
for (const compare of all('.compare')) {
  const input = compare.querySelector('input');
  const move = () => compare.style.setProperty('--at', input.value + '%');
  input.addEventListener('input', move);
  move();
}
for (const picture of all('.still img')) {
  const drop = () => { if (picture.complete && picture.naturalWidth === 0) picture.remove(); };
  picture.addEventListener('error', drop);
  drop();
}
for (const viewer of all('.viewer')) {
  viewer.hidden = false;
  const frame = viewer.querySelector('.frame');
  for (const select of all('select', viewer)) {
    const image = frame.querySelector('.' + select.dataset.side);
    const label = frame.querySelector(select.dataset.side === 'before' ? '.side.l' : '.side.r');
    const show = () => {
      image.src = document.getElementById(select.value).src;
      label.textContent = select.selectedOptions[0].textContent;
    };
    select.addEventListener('input', show);
    show();
  }
  for (const input of all('input[data-set]', viewer)) {
    const set = () => {
      frame.style.setProperty(input.dataset.set, input.value + (input.dataset.unit ?? ''));
      frame.classList.toggle('pixels', Number(getComputedStyle(frame).getPropertyValue('--zoom')) > 3);
    };
    input.addEventListener('input', set);
    set();
  }
}
for (const button of all('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const code = button.parentElement.querySelector('code, pre');
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
  });
}
const valueOf = (row, place) => {
  const cell = row.cells[place];
  return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
};
for (const table of all('table.sortable')) {
  const body = table.tBodies[0];
  for (const head of all('thead th', table)) {
    const button = head.querySelector('button');
    if (button === null) continue;
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of all('thead th', table)) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const place = head.cellIndex;
      const rows = [...body.rows].map((row) => [valueOf(row, place), row]);
      rows.sort(([a], [b]) => {
        const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
        return up ? order : -order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  }
}
for (const filters of all('[data-filters]')) {
  filters.hidden = false;
  const table = document.getElementById(filters.dataset.filters);
  const text = filters.querySelector('input');
  const selects = all('select', filters);
  const told = filters.querySelector('[role=status]');
  const apply = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const fits = (wanted === '' || row.textContent.toLowerCase().includes(wanted)) &&
        selects.every((select) => select.value === '' || row.cells[Number(select.dataset.column)].textContent.trim() === select.value);
      row.hidden = !fits;
      if (fits) shown += 1;
    }
    told.textContent = shown.toLocaleString('en-US') + ' of ' + table.tBodies[0].rows.length.toLocaleString('en-US') + ' rows';
  };
  for (const input of [text, ...selects]) input.addEventListener('input', apply);
  apply();
}
`.trim();
