// The teacher's and a student's distribution at temperature T, and the loss, redrawn while T or alpha is dragged.
// Python hands over logits and hears where the hand lets go; the browser test compares the bars and the loss with the
// engine's.
const FLOOR = 1e-6; // the left end of the log axis

function logSoften(logits, temperature) {
  const scaled = logits.map((logit) => logit / temperature);
  const top = Math.max(...scaled);
  const sum = scaled.reduce((total, value) => total + Math.exp(value - top), 0);
  return scaled.map((value) => value - top - Math.log(sum));
}

function soften(logits, temperature) {
  return logSoften(logits, temperature).map(Math.exp);
}

function entropy(probabilities) {
  return -probabilities.reduce((total, p) => total + (p > 0 ? p * Math.log(p) : 0), 0);
}

// The KL and the cross-entropy of the image, in nats.
function lossParts(data, temperature) {
  const [teacher, student] = data.networks.map((network) => logSoften(network.logits, temperature));
  const [first, second] = data.reverse ? [student, teacher] : [teacher, student];
  const kl = first.reduce((total, value, index) => total + Math.exp(value) * (value - second[index]), 0);
  return { kl, soft: temperature ** 2 * kl, hard: -logSoften(data.networks[1].logits, 1)[data.label] };
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
    const head = element("th", "", network.name);
    head.scope = "row";
    row.append(head, element("td"), element("td"), element("td"));
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

function line(...parts) {
  const row = element("div", "line");
  row.append(...parts);
  return row;
}

function term(kind, text, weight) {
  return element("span", `term ${kind}${weight === 0 ? " nothing" : ""}`, text);
}

function drawLoss(root, data, temperature, alpha) {
  const { kl, soft, hard } = lossParts(data, temperature);
  const weight = data.hard_alpha ? 1 - alpha : alpha;
  const [ofSoft, ofHard] = data.hard_alpha ? ["(1−α)", "α"] : ["α", "(1−α)"];
  const direction = data.reverse ? "student ‖ teacher" : "teacher ‖ student";
  const parts = [weight * soft, (1 - weight) * hard];
  const total = parts[0] + parts[1];
  const short = (number) => String(Number(number.toFixed(2)));
  root.querySelector("#formula").replaceChildren(
    line("L = ", term("soft", `${ofSoft} T² KL(${direction})`, weight), " + ",
      term("hard", `${ofHard} CE(label, student)`, 1 - weight)),
    line("= ", term("soft", `${short(weight)} · ${temperature}² · ${kl.toFixed(4)}`, weight), " + ",
      term("hard", `${short(1 - weight)} · ${hard.toFixed(4)}`, 1 - weight)),
    line("= ", term("soft", parts[0].toFixed(4), weight), " + ", term("hard", parts[1].toFixed(4), 1 - weight),
      " = ", element("strong", "", `${total.toFixed(4)} nats`)),
  );
  root.querySelector("#formula").dataset.loss = total;
  // Against the largest loss that this image can have here, so that both hands move the same bar.
  const most = Math.max(hard, ...data.steps.map((step) => lossParts(data, step).soft), 1e-9);
  root.querySelector("#soft-part").style.width = `${(100 * parts[0]) / most}%`;
  root.querySelector("#hard-part").style.width = `${(100 * parts[1]) / most}%`;
  root.querySelector("#idle").textContent =
    weight === 0 ? "The soft term weighs nothing: neither the teacher nor T has any influence on this loss."
    : weight === 1 ? "The hard term weighs nothing: the label has no influence on this loss."
    : "";
}

function draw(root, data, temperature, alpha) {
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
  if (data.networks.length > 1) drawLoss(root, data, temperature, alpha);
}

// Whether a rerun must not pull a slider away: the hand is on it, or what the hand sent is not yet answered.
function isHeld(slider, value) {
  if (Math.abs(Number(slider.dataset.sent) - value) < 1e-9) delete slider.dataset.sent;
  return slider.matches(":active") || slider.dataset.sent !== undefined;
}

export default function (component) {
  const { data, parentElement: root, setStateValue } = component;
  const slider = root.querySelector("#temperature");
  const mix = root.querySelector("#alpha");
  const nearest = (t) => data.steps.reduce((best, step, index) =>
    Math.abs(step - t) < Math.abs(data.steps[best] - t) ? index : best, 0);
  slider.min = 0;
  slider.max = data.steps.length - 1;
  slider.step = 1;
  // A T that was typed or linked may lie between two steps of the slider; the bars are drawn at it.
  const state = { temperature: data.temperature, alpha: data.alpha };
  if (isHeld(slider, data.temperature)) state.temperature = data.steps[Number(slider.value)];
  else slider.value = nearest(data.temperature);
  if (isHeld(mix, data.alpha)) state.alpha = Number(mix.value);
  else mix.value = data.alpha;
  const redraw = () => {
    slider.setAttribute("aria-valuetext", `T = ${state.temperature}`);
    mix.setAttribute("aria-valuetext", `alpha = ${state.alpha}`);
    root.querySelector("#alpha-value").textContent = state.alpha.toFixed(2);
    draw(root, data, state.temperature, state.alpha);
  };
  const go = (temperature) => {
    state.temperature = temperature;
    slider.value = nearest(temperature);
    slider.dataset.sent = temperature;
    redraw();
    setStateValue("temperature", temperature);
  };
  slider.oninput = () => { state.temperature = data.steps[Number(slider.value)]; redraw(); };
  slider.onchange = () => go(data.steps[Number(slider.value)]);
  mix.oninput = () => { state.alpha = Number(mix.value); redraw(); };
  mix.onchange = () => {
    mix.dataset.sent = mix.value;
    setStateValue("alpha", Number(mix.value));
  };
  for (const node of root.querySelectorAll(".with-student")) node.hidden = data.networks.length < 2;
  root.querySelector("#alpha-name").textContent = `alpha, the weight of the ${data.hard_alpha ? "hard" : "soft"} term`;
  root.querySelector("#loss").style.setProperty("--soft", data.colors.soft);
  root.querySelector("#loss").style.setProperty("--hard", data.colors.hard);
  // Built anew only for another image or other networks: what has the focus keeps it.
  const drawn = JSON.stringify([data.classes, data.label, data.networks, data.ladder, data.log]);
  if (root.querySelector("#bars").dataset.drawn !== drawn) {
    build(root, data);
    ladder(root, data, go);
    root.querySelector("#bars").dataset.drawn = drawn;
  } else {
    for (const step of root.querySelectorAll(".step")) step.onclick = () => go(Number(step.dataset.temperature));
  }
  redraw();
}
