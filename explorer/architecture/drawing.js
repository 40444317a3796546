// A network as blocks to scale, whose widths are dragged. Python hands over, for each layer, how long each axis of its
// weight is as a function of the widths; all that is shown while the hand moves is arithmetic with these. Python hears
// the widths at which the hand lets go. The browser test compares the figures with the engine's.
const STEP = 8; // channels, by page keys; and what the sentence under the drawing tells the price of
const NAMED = 4; // layers at most that hang together
const FILLED = 0.74; // of the height that the tallest block is drawn at, so that there is room to drag it up
const SETTLED = 450; // ms without a key until Python is told

const grouped = (number) => Math.round(number).toLocaleString("en-US");
const signed = (number) => `${number < 0 ? "\u2212" : "+"}${grouped(Math.abs(number))}`;
const millions = (number) => `${(number / 1e6).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} M`;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// --- What a network costs: the same formulas as in explorer/networks/cost.py ---------------------------------------

function long([constant, entries], widths) {
  return entries.reduce((total, [group, count]) => total + count * widths[group], constant);
}

function product(axes, widths) {
  return axes.reduce((total, axis) => total * long(axis, widths), 1);
}

function costOf(layer, widths) {
  const params = product(layer.weight, widths) + (layer.bias.length ? product(layer.bias, widths) : 0);
  return { params, adds: params * layer.uses };
}

function measure(drawing, widths) {
  const found = { params: drawing.unused, adds: 0, blocks: [], most: { params: [0, null], adds: [0, null] } };
  for (const block of drawing.blocks) {
    const own = { params: 0, adds: 0, channels: long(block.channels, widths) };
    for (const layer of block.layers) {
      const cost = costOf(layer, widths);
      own.params += cost.params;
      own.adds += cost.adds;
      for (const key of ["params", "adds"]) {
        if (layer.kind && cost[key] > found.most[key][0]) found.most[key] = [cost[key], layer];
      }
    }
    found.params += own.params;
    found.adds += own.adds;
    found.blocks.push(own);
  }
  return found;
}

// --- What is on the screen, kept for each place that the component is drawn at -------------------------------------

const views = new WeakMap();

class View {
  constructor(root) {
    this.root = root;
    this.sent = 0; // when Python was told last
    this.asked = null; // the quantity that was chosen, until Python has heard of it
    this.active = null; // the group under the hand, under the pointer, or with the focus
    this.hold = null; // while a hand is on a grip: where it began, and the scale that it began at
    this.find = (id) => root.querySelector(`#${id}`);
    new ResizeObserver(() => {
      this.room = this.measured();
      if (this.data) this.draw();
    }).observe(this.find("drawing"));
    this.room = this.measured();
  }

  // Read when the size changes and not at each frame, where the browser would have to lay everything out to answer.
  measured() {
    const { clientWidth: width, clientHeight: height } = this.find("drawing");
    return { width, height, rem: parseFloat(getComputedStyle(document.documentElement).fontSize) };
  }

  take(component) {
    const { data } = component;
    const shape = JSON.stringify(data.drawing);
    this.tell = component.setStateValue;
    // Python may still answer an earlier letting go while the hand is further.
    const late = this.hold || this.timer || (data.heard ?? 0) < this.sent;
    this.data = data;
    // A run that began before the choice still brings the one before it.
    if (!this.asked || this.asked === data.by) [this.by, this.asked] = [data.by, null];
    if (shape !== this.shape) {
      this.shape = shape;
      this.widths = data.widths.slice();
      this.hold = this.active = null;
      this.build();
    } else if (!late) {
      this.widths = data.widths.slice();
    }
    this.draw();
  }

  build() {
    const { drawing, quantities } = this.data;
    const place = this.find("drawing");
    this.blocks = drawing.blocks.map((block) => {
      const node = element("div", block.channels[1].length ? "block" : "block fixed");
      node.title = block.layers.map((layer) => `${layer.name} ${layer.kind}`).join("\n");
      node.onpointerdown = (event) => {
        // A finger on a block scrolls the page; it drags at the grips.
        if (event.pointerType !== "touch" && block.channels[1].length) this.grab(event, block.channels[1][0][0]);
      };
      if (block.channels[1].length) this.point(node, block.channels[1][0][0]);
      return node;
    });
    this.parts = [...new Set(drawing.blocks.map((block) => block.part))].map((name) => {
      const [label, amount] = [element("div", "part", name), element("div")];
      label.append(amount);
      const blocks = drawing.blocks.flatMap((block, index) => (block.part === name ? [index] : []));
      return { name, blocks, label, amount, share: element("div") };
    });
    this.grips = drawing.groups.map((group, index) => {
      const grip = element("div", "grip");
      const input = element("input");
      Object.assign(input, { type: "range", min: 1, max: drawing.most, step: 1 });
      input.setAttribute("aria-label", `Channels of ${group.title}`);
      input.oninput = () => this.set(index, Number(input.value), true);
      input.onkeydown = (event) => {
        if (event.key === "Escape" && this.hold) this.cancel();
        const steps = { PageUp: STEP, PageDown: -STEP }[event.key];
        if (!steps) return;
        event.preventDefault();
        this.set(index, this.widths[index] + steps, true);
      };
      input.onfocus = () => this.activate(index);
      input.onblur = () => this.activate(null);
      grip.append(input, element("span", "knob"), element("span", "channels"));
      grip.onpointerdown = (event) => this.grab(event, this.nearest(event));
      this.point(grip, index);
      return grip;
    });
    place.replaceChildren(...this.blocks, ...this.parts.map((part) => part.label), ...this.grips);
    this.find("parts").replaceChildren(...this.parts.map((part) => part.share));
    const scale = this.find("scale");
    scale.querySelectorAll("label").forEach((label) => label.remove());
    for (const quantity of quantities) {
      const label = element("label");
      const input = element("input");
      Object.assign(input, { type: "radio", name: "by", value: quantity });
      input.onchange = () => {
        this.by = this.asked = quantity;
        this.draw();
        this.tell("by", quantity);
      };
      label.append(input, quantity);
      scale.append(label);
    }
  }

  point(node, group) {
    node.onpointerenter = () => this.hold || this.activate(group);
    node.onpointerleave = () => this.hold || this.activate(null);
  }

  activate(group) {
    const focused = this.grips.findIndex((grip) => grip.querySelector("input").matches(":focus"));
    this.active = group ?? (focused < 0 ? null : focused);
    this.draw();
  }

  // Grips of thin blocks lie over each other: the hand means the nearest.
  nearest(event) {
    const far = this.grips.map((grip) => {
      const box = grip.getBoundingClientRect();
      return Math.hypot(event.clientX - (box.left + box.right) / 2, event.clientY - (box.top + box.bottom) / 2);
    });
    return far.indexOf(Math.min(...far));
  }

  grab(event, group) {
    if (event.button) return;
    event.preventDefault();
    const { channels } = this.data.drawing.blocks[this.data.drawing.groups[group].block];
    const entries = channels[1].find(([each]) => each === group)[1];
    this.release();
    this.hold = { group, y: event.clientY, width: this.widths[group], scale: this.scale, entries, pointer: event.pointerId };
    this.active = group;
    this.grips[group].querySelector("input").focus({ preventScroll: true });
    const place = this.find("drawing");
    place.setPointerCapture(event.pointerId);
    place.onpointermove = (move) => this.drag(move);
    place.onpointerup = () => this.release(true);
    place.onpointercancel = () => this.cancel();
    place.onlostpointercapture = () => this.release(true);
    this.draw();
  }

  drag(event) {
    if (!this.hold) return;
    const { group, y, width, scale, entries } = this.hold;
    this.set(group, Math.round(width + (y - event.clientY) / (scale.up * entries)), false);
  }

  cancel() {
    if (this.hold) this.set(this.hold.group, this.hold.width, false);
    this.release();
  }

  release(tell = false) {
    const held = this.hold;
    this.hold = null;
    if (!held) return;
    if (tell && this.widths[held.group] !== held.width) this.send();
    this.draw();
  }

  set(group, width, typed) {
    const { drawing } = this.data;
    const widths = this.widths.slice();
    widths[group] = Math.min(drawing.most, Math.max(1, width));
    // What could not be built is not offered.
    if (measure(drawing, widths).params <= drawing.mostParameters) this.widths = widths;
    if (typed) {
      this.keyed ??= this.scale;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        this.timer = this.keyed = null;
        this.send();
        this.draw();
      }, SETTLED);
    }
    this.draw();
  }

  send() {
    this.sent = Date.now();
    this.tell("widths", { at: this.sent, widths: this.widths });
  }

  draw() {
    const { data } = this;
    const found = measure(data.drawing, this.widths);
    this.verdict(found);
    this.budget(found);
    this.lay(found);
    this.say(found);
    this.find("scale").querySelectorAll("input").forEach((input) => { input.checked = input.value === this.by; });
    this.find("drawing").style.setProperty("--block", data.colors[this.by]);
    this.find("budget").style.setProperty("--block", data.colors.parameters);
    this.find("budget").style.setProperty("--over", data.colors.over);
  }

  verdict(found) {
    const { limit, said, counted, colors } = this.data;
    const over = found.params - limit;
    this.find("params").textContent = grouped(found.params);
    this.find("adds").textContent = millions(found.adds);
    this.find("over").textContent = grouped(Math.abs(over));
    this.find("limit").querySelector(".name").textContent = over > 0
      ? `\u2715 Over the limit of ${grouped(limit)} by`
      : `\u2713 Within the limit of ${grouped(limit)}, to spare`;
    this.find("limit").style.setProperty("--verdict", over > 0 ? colors.over : colors.within);
    const rests = JSON.stringify(this.widths) === JSON.stringify(this.data.widths);
    const equal = counted && counted.params === found.params && counted.mult_adds === found.adds;
    const theirs = counted && `torchinfo counts ${grouped(counted.params)} parameters and ${grouped(counted.mult_adds)} multiply-adds`;
    const agreed = said.params === found.params && said.mult_adds === found.adds;
    let text = "Arithmetic, while you drag; torchinfo counts when you let go.";
    if (rests && counted) text = equal ? `${theirs}: the same.` : `${theirs}: trust its figures.`;
    if (rests && !agreed) text = `The server finds ${grouped(said.params)} and ${grouped(said.mult_adds)}: trust its figures.`;
    this.find("checked").textContent = text;
    this.find("checked").dataset.equal = rests && counted ? String(equal) : "";
  }

  budget(found) {
    const { limit } = this.data;
    const whole = Math.max(found.params, limit) * 1.01;
    const share = (amount) => `${(100 * amount) / whole}%`;
    for (const part of this.parts) {
      part.params = part.blocks.reduce((total, index) => total + found.blocks[index].params, 0);
      part.adds = part.blocks.reduce((total, index) => total + found.blocks[index].adds, 0);
      part.share.style.width = share(part.params);
      part.share.title = `${part.name}: ${grouped(part.params)} parameters`;
    }
    this.find("mark").style.left = share(limit);
    this.find("mark").dataset.text = `limit ${grouped(limit)}`;
    this.find("mark").className = limit < 0.25 * whole ? "early" : "";
    this.find("beyond").style.left = share(Math.min(limit, found.params));
    this.find("beyond").style.width = share(Math.max(0, found.params - limit));
    this.find("budget").setAttribute("aria-label", `${grouped(found.params)} parameters against the limit of `
      + `${grouped(limit)}: ${this.parts.map((part) => `${part.name} ${grouped(part.params)}`).join(", ")}.`);
  }

  // The largest scales at which everything fits: pixels for a channel, and for a unit of what one channel costs.
  fitted(found, room, high) {
    const tallest = Math.max(...found.blocks.map((block) => block.channels), 1);
    const across = found.blocks.reduce((total, block) => total + this.cost(block) / block.channels, 0);
    return { up: high / tallest, across: room / Math.max(across, 1e-9) };
  }

  cost(block) {
    return this.by === "parameters" ? block.params : block.adds;
  }

  lay(found) {
    const place = this.find("drawing");
    const { width, height, rem } = this.room;
    const [top, bottom] = [1.6 * rem, 2.2 * rem];
    const { blocks } = this.data.drawing;
    const breaks = blocks.filter((block, index) => index && block.part !== blocks[index - 1].part).length;
    const wide = Math.min(10, (0.2 * width) / (breaks + 1));
    const narrow = Math.min(2, (0.2 * width) / blocks.length);
    const edge = 0.7 * rem;
    const room = width - breaks * wide - (blocks.length - 1 - breaks) * narrow - 2 * edge - blocks.length;
    const high = height - top - bottom;
    const best = this.fitted(found, room, high * FILLED);
    const begun = this.hold ? this.hold.scale : this.keyed;
    // The scale stays under the hand, as long as everything fits.
    const scale = begun
      ? { up: Math.min(begun.up, best.up / FILLED), across: Math.min(begun.across, best.across) }
      : best;
    this.scale = scale;
    place.classList.toggle("held", Boolean(begun));
    let left = edge;
    const ground = height - bottom;
    const middles = found.blocks.map((block, index) => {
      if (index) left += blocks[index].part === blocks[index - 1].part ? narrow : wide;
      const across = Math.max(1, (scale.across * this.cost(block)) / block.channels);
      const up = Math.max(1, scale.up * block.channels);
      const node = this.blocks[index];
      Object.assign(node.style, { left: `${left}px`, top: `${ground - up}px`, width: `${across}px`, height: `${up}px` });
      node.dataset.params = block.params;
      node.dataset.adds = block.adds;
      node.classList.toggle("active", blocks[index].channels[1].some(([group]) => group === this.active));
      block.from = left;
      left += across;
      block.to = left;
      return (block.from + block.to) / 2;
    });
    for (const part of this.parts) {
      const [from, to] = [found.blocks[part.blocks[0]].from, found.blocks[part.blocks.at(-1)].to];
      const amount = this.by === "parameters" ? grouped(part.params) : millions(part.adds);
      part.amount.textContent = amount;
      const own = 0.8 * rem * 0.5 * Math.max(part.name.length, amount.length); // about as wide as it is written
      part.label.style.left = `${Math.min(width - own / 2, Math.max(own / 2, (from + to) / 2))}px`;
      part.label.style.visibility = own <= to - from + wide + 2 ? "visible" : "hidden";
    }
    const written = [];
    this.data.drawing.groups.forEach((group, index) => {
      const { channels } = blocks[group.block];
      // Several groups on one block lie one upon the other.
      const below = [channels[0], channels[1].slice(0, channels[1].findIndex(([each]) => each === index) + 1)];
      const grip = this.grips[index];
      const [x, y] = [middles[group.block], ground - scale.up * long(below, this.widths)];
      const text = grip.querySelector(".channels");
      grip.style.left = `${x}px`;
      grip.style.top = `${y}px`;
      grip.classList.toggle("active", index === this.active);
      text.textContent = this.widths[index];
      const half = 0.25 * rem * text.textContent.length + 2;
      const free = written.every((other) => Math.abs(other.x - x) > other.half + half || Math.abs(other.y - y) > rem);
      text.style.visibility = free || index === this.active ? "visible" : "hidden";
      if (free) written.push({ x, y, half });
      const over = found.params - this.data.limit;
      const input = grip.querySelector("input");
      input.value = this.widths[index];
      input.setAttribute("aria-valuetext", `${this.widths[index]} channels; ${grouped(found.params)} parameters in all, `
        + `${grouped(Math.abs(over))} ${over > 0 ? "over" : "under"} the limit`);
    });
    place.setAttribute("aria-label", "The network drawn to scale, from the image on the left to the classes on the right; "
      + this.parts.map((part) => `${part.name} ${grouped(part.params)} parameters, ${millions(part.adds)} multiply-adds`).join("; "));
  }

  say(found) {
    const key = this.by === "parameters" ? "params" : "adds";
    const [most, layer] = found.most[key];
    let text = "Drag the top of a block, or go to it with Tab and press the arrow keys.";
    if (layer) {
      text = `Most ${this.by} are in ${layer.name} (${layer.kind}): ${grouped(most)}, ${Math.round((100 * most) / found[key])}%`
        + ` of all. ${text}`;
    }
    if (this.active !== null) {
      const { drawing } = this.data;
      const now = this.widths[this.active];
      const steps = [-STEP, STEP].filter((step) => now + step >= 1 && now + step <= drawing.most).map((step) => {
        const there = measure(drawing, this.widths.map((each, index) => each + (index === this.active ? step : 0)));
        return `${Math.abs(step)} ${step < 0 ? "fewer" : "more"}: ${signed(there.params - found.params)} parameters, `
          + `${signed(there.adds - found.adds)} multiply-adds`;
      });
      const coupled = drawing.blocks.filter((block) => block.channels[1].some(([group]) => group === this.active))
        .map((block) => block.layers[0].name);
      const more = coupled.length > NAMED ? ` and ${coupled.length - NAMED} more` : "";
      const together = coupled.length > 1 ? ` ${coupled.slice(0, NAMED).join(", ")}${more} move together.` : "";
      text = `${drawing.groups[this.active].title}: ${now} channels.${together} ${steps.join("; ")}.`;
    }
    this.find("told").textContent = text;
  }
}

export default function (component) {
  const root = component.parentElement;
  if (!views.has(root)) views.set(root, new View(root));
  views.get(root).take(component);
}
