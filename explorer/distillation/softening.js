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

function bars(data, tag) {
  return data.networks.map((network) => {
    const bar = element(tag, "bar");
    bar.dataset.network = network.name;
    bar.style.setProperty("--bar", network.color);
    return bar;
  });
}

function stretch(bar, data, which, index, p) {
  const log = Math.max(0, 1 - Math.log(Math.max(p, FLOOR)) / Math.log(FLOOR));
  bar.style.width = `${100 * (data.log ? log : p)}%`;
  bar.dataset.probability = p;
  bar.title = `${data.networks[which].name}, ${data.classes[index]}: ${p.toPrecision(4)}`;
}

function build(root, data) {
  const legend = root.querySelector("#legend");
  const place = root.querySelector("#bars");
  const body = root.querySelector("#figures tbody");
  for (const node of [legend, place, body]) node.replaceChildren();
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
    track.append(...bars(data, "div"));
    row.append(element("div", "name", name), track, element("div", "numbers"));
    place.append(row);
  });
  const axis = element("div", "row");
  axis.append(element("div", "axis"));
  place.append(axis);
}

function ladder(root, data, go) {
  const steps = data.ladder.map((temperature) => {
    const step = element("button", "step");
    const tables = data.networks.map((network) => soften(network.logits, temperature));
    const said = tables.map((table, which) => `${data.networks[which].name} ${Math.exp(entropy(table)).toFixed(1)}`);
    step.type = "button";
    step.disabled = data.disabled;
    step.dataset.temperature = temperature;
    step.append(element("span", "title", `T = ${temperature}`));
    data.classes.forEach((name, index) => {
      const pair = element("span", index === data.label ? "pair true" : "pair");
      pair.append(...bars(data, "span"));
      pair.querySelectorAll(".bar").forEach((bar, which) => stretch(bar, data, which, index, tables[which][index]));
      step.append(pair);
    });
    step.setAttribute("aria-label", `Go to T = ${temperature}; effective classes: ${said.join(", ")}`);
    step.onclick = () => go(temperature);
    return step;
  });
  root.querySelector("#ladder").replaceChildren(...steps);
}

function draw(root, data, temperature) {
  const said = [];
  const tables = data.networks.map((network) => soften(network.logits, temperature));
  const rows = root.querySelectorAll("#bars .row");
  data.classes.forEach((name, index) => {
    const numbers = tables.map((table) => table[index]);
    rows[index].querySelectorAll(".bar").forEach((bar, which) => stretch(bar, data, which, index, numbers[which]));
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
  for (const step of root.querySelectorAll(".step")) {
    step.setAttribute("aria-pressed", String(Number(step.dataset.temperature) === temperature));
  }
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
  slider.disabled = data.disabled;
  // While the hand is on the slider, a rerun must not pull it away.
  const held = slider.matches(":active");
  if (!held) slider.value = nearest(data.temperature);
  const redraw = (temperature) => {
    slider.setAttribute("aria-valuetext", `T = ${temperature}`);
    draw(root, data, temperature);
  };
  const go = (temperature) => {
    slider.value = nearest(temperature);
    redraw(temperature);
    setStateValue("temperature", temperature);
  };
  slider.oninput = () => redraw(current());
  slider.onchange = () => go(current());
  build(root, data);
  ladder(root, data, go);
  // A T that was typed or linked may lie between two steps of the slider; the bars are drawn at it.
  redraw(held ? current() : data.temperature);
}
