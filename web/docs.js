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

/** Where the page at / keeps its key. Read with each request: it may come and go. */
const keyName = 'claude-serve.key'

function savedKey() {
  try {
    return sessionStorage.getItem(keyName)
  } catch {
    // A browser that keeps nothing for any page.
    return null
  }
}

const isOwn = (address) => new URL(address, location.href).origin === location.origin

/** To this server alone, and not over a key that was given here. */
function withKey(request) {
  const key = savedKey()
  const { headers = {} } = request
  const names = Object.keys(headers).map((name) => name.toLowerCase())
  const isGiven = names.includes('authorization') || names.includes('x-api-key')
  if (key !== null && !isGiven && isOwn(request.url)) request.headers = { ...headers, authorization: `Bearer ${key}` }
  return request
}

/** The document itself may need a key, which nobody can give before it is there. */
function tellOfKeys(response) {
  if (response.status === 401 && new URL(response.url, location.href).pathname.endsWith('/openapi.json')) {
    document.getElementById('needs-key').hidden = false
  }
  return response
}

window.SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  displayRequestDuration: true,
  requestInterceptor: withKey,
  responseInterceptor: tellOfKeys,
  // Commands to be copied hold no key of the page's.
  showMutatedRequest: false,
  // Where others would send the address of this server.
  validatorUrl: null,
  presets: [window.SwaggerUIBundle.presets.apis],
  plugins: [plainTexts],
})
