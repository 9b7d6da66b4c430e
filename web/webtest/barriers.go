package webtest

// barriers lists visible text with less contrast than WCAG AA asks for (4.5 to
// 1; 3 to 1 for large text), and controls without a name.
const barriers = `(() => {
	const out = [];
	const rgb = (css) => { const [r, g, b, a = 1] = css.match(/[\d.]+/g).map(Number); return { r, g, b, a } };
	const light = ({ r, g, b }) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (node) => {
		for (; node; node = node.parentElement) {
			const colour = rgb(getComputedStyle(node).backgroundColor);
			if (colour.a > 0.99) return colour;
		}
		return { r: 255, g: 255, b: 255 };
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let text; (text = walker.nextNode()); ) {
		const node = text.parentElement;
		if (!text.data.trim() || !node.checkVisibility() || node.closest(":disabled, .unseen, .skip, noscript, option")) continue;
		const style = getComputedStyle(node);
		const [a, b] = [light(rgb(style.color)), light(behind(node))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) out.push(ratio.toFixed(2) + " contrast: " + text.data.trim().slice(0, 60));
	}
	for (const node of document.querySelectorAll("button, a, input, select, textarea")) {
		if (!node.checkVisibility()) continue;
		const name = node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent;
		if (!name.trim()) out.push("no name: " + node.outerHTML.slice(0, 80));
	}
	const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
	for (const id of new Set(ids)) if (ids.filter((x) => x === id).length > 1) out.push("id twice: " + id);
	return out;
})()`

// Barriers lists what would keep people out: too little contrast, controls
// without a name, ids that are not unique.
func (p *Page) Barriers() []string {
	p.t.Helper()
	return Eval[[]string](p, barriers)
}
