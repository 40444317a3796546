// The teacher's and a student's distribution at temperature T, redrawn while T is dragged.
// Python hands over logits and hears the T at which the hand lets go; the browser test compares
// the bars with the engine's softmax.
const FLOOR = 1e-6; // the left end of the log axis

function soften(logits, temperature) {
  const scaled = logits.map((logit) => logit / temperature);
  const top = Math.max(...scaled);
  const powers = scaled.map((value) => Math.exp(value - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function entropy(probabilities) {
  return -probabilities.reduce((total, p) => total + (p > 0 ? p * Math.log(p) : 0), 0);
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function build(root, data) {
  const legend = root.querySelector("#legend");
  const bars = root.querySelector("#bars");
  const body = root.querySelector("#figures tbody");
  for (const node of [legend, bars, body]) node.replaceChildren();
  for (const network of data.networks) {
    const entry = element("span", "", network.name);
    entry.style.setProperty("--bar", network.color);
    legend.append(entry);
    const row = element("tr");
    row.append(element("th", "", network.name), element("td"), element("td"), element("td"));
    row.dataset.network = network.name;
    body.append(row);
  }
  data.classes.forEach((name, index) => {
    const row = element("div", index === data.label ? "row true" : "row");
    const track = element("div", "track");
    for (const network of data.networks) {
      const bar = element("div", "bar");
      bar.dataset.network = network.name;
      bar.style.setProperty("--bar", network.color);
      track.append(bar);
    }
    row.append(element("div", "name", name), track, element("div", "numbers"));
    bars.append(row);
  });
  const axis = element("div", "row");
  axis.append(element("div", "axis"));
  bars.append(axis);
}

function draw(root, data, temperature) {
  const width = (p) => (data.log ? Math.max(0, 1 - Math.log(Math.max(p, FLOOR)) / Math.log(FLOOR)) : p);
  const said = [];
  const tables = data.networks.map((network) => soften(network.logits, temperature));
  const rows = root.querySelectorAll("#bars .row");
  data.classes.forEach((name, index) => {
    const bars = rows[index].querySelectorAll(".bar");
    const numbers = tables.map((table) => table[index]);
    numbers.forEach((p, which) => {
      bars[which].style.width = `${100 * width(p)}%`;
      bars[which].dataset.probability = p;
      bars[which].title = `${data.networks[which].name}, ${name}: ${p.toPrecision(4)}`;
    });
    rows[index].querySelector(".numbers").replaceChildren(
      ...numbers.map((p) => element("div", "", p < 0.0005 ? p.toExponential(1) : p.toFixed(3))),
    );
  });
  data.networks.forEach((network, which) => {
    const h = entropy(tables[which]);
    const top = Math.max(...tables[which]);
    const best = data.classes[tables[which].indexOf(top)];
    const cells = root.querySelectorAll("#figures tbody tr")[which].querySelectorAll("td");
    cells[0].textContent = `${top.toFixed(3)} ${best}`;
    cells[1].textContent = `${h.toFixed(3)} nats`;
    cells[2].textContent = `${Math.exp(h).toFixed(2)} of ${data.classes.length}`;
    said.push(`${network.name}: ${best} ${top.toFixed(3)}`);
  });
  const ticks = data.log ? ["1e-6", "1e-4", "0.01", "1"] : ["0", "0.25", "0.5", "0.75", "1"];
  root.querySelector(".axis").replaceChildren(...ticks.map((tick) => element("span", "", tick)));
  root.querySelector("#value").textContent = temperature;
  root.querySelector("#bars").setAttribute(
    "aria-label",
    `Probabilities at T = ${temperature}, true class ${data.classes[data.label]}. ${said.join("; ")}.`,
  );
}

export default function (component) {
  const { data, parentElement: root, setStateValue } = component;
  const slider = root.querySelector("#temperature");
  const nearest = (t) => data.steps.reduce((best, step, index) =>
    Math.abs(step - t) < Math.abs(data.steps[best] - t) ? index : best, 0);
  const current = () => data.steps[Number(slider.value)];
  slider.min = 0;
  slider.max = data.steps.length - 1;
  slider.step = 1;
  // While the hand is on the slider, a rerun must not pull it away.
  if (!slider.matches(":active")) slider.value = nearest(data.temperature);
  const redraw = () => {
    slider.setAttribute("aria-valuetext", `T = ${current()}`);
    draw(root, data, current());
  };
  slider.oninput = redraw;
  slider.onchange = () => setStateValue("temperature", current());
  build(root, data);
  redraw();
}
