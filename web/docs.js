// The page of the API: starts Swagger UI on our document. Its own Markdown makes HTML of texts, which the page's policy forbids; so
// texts are shown by the few rules of Markdown that the document uses, without any HTML.

/** Pieces of a line: `code`, **strong** and plain. */
function inline(line, element) {
  return line.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((piece, at) => {
    if (piece.startsWith('`')) return element('code', { key: at }, piece.slice(1, -1))
    if (piece.startsWith('**')) return element('strong', { key: at }, piece.slice(2, -2))
    return piece
  })
}

/** Lines that begin with a dash are a list, any others a paragraph. */
function block(text, key, element) {
  const lines = text.split('\n')
  if (!lines.every((line) => line.startsWith('- '))) return element('p', { key }, inline(lines.join(' '), element))
  const items = lines.map((line, at) => element('li', { key: at }, inline(line.slice(2), element)))
  return element('ul', { key }, items)
}

const plainTexts = ({ React: { createElement } }) => ({
  components: {
    Markdown({ source, className = '' }) {
      const blocks = typeof source === 'string' ? source.trim().split('\n\n') : []
      const children = blocks.map((text, at) => block(text, at, createElement))
      return createElement('div', { className: `markdown ${className}` }, children)
    },
  },
})

window.SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  displayRequestDuration: true,
  // Where others would send the address of this server.
  validatorUrl: null,
  presets: [window.SwaggerUIBundle.presets.apis],
  plugins: [plainTexts],
})
