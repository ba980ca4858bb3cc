// The API reference page: starts Swagger UI with openapi.json. Swagger UI renders Markdown as raw HTML, which the
// page's policy forbids, so this file renders the little Markdown that the document uses, without raw HTML.

/** Splits a line into `code`, **strong** and plain text. */
function inline(line, element) {
  return line.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((piece, index) => {
    if (piece.startsWith('`')) return element('code', { key: index }, piece.slice(1, -1))
    if (piece.startsWith('**')) return element('strong', { key: index }, piece.slice(2, -2))
    return piece
  })
}

/** Lines that start with a dash become a list, all others a paragraph. */
function block(text, key, element) {
  const lines = text.split('\n')
  if (!lines.every((line) => line.startsWith('- '))) return element('p', { key }, inline(lines.join(' '), element))
  const items = lines.map((line, index) => element('li', { key: index }, inline(line.slice(2), element)))
  return element('ul', { key }, items)
}

const plainMarkdown = ({ React: { createElement } }) => ({
  components: {
    Markdown({ source, className = '' }) {
      const blocks = typeof source === 'string' ? source.trim().split('\n\n') : []
      const children = blocks.map((text, index) => block(text, index, createElement))
      return createElement('div', { className: `markdown ${className}` }, children)
    },
  },
})

/** Where the page at / stores its key. Read for each request, because it may change. */
const storageKey = 'claude-serve.key'

function savedKey() {
  try {
    return sessionStorage.getItem(storageKey)
  } catch {
    // The browser does not let pages store anything.
    return null
  }
}

const isSameOrigin = (address) => new URL(address, location.href).origin === location.origin

/** Adds the key to requests to this server only, unless the user has set one here. */
function withKey(request) {
  const key = savedKey()
  const { headers = {} } = request
  const names = Object.keys(headers).map((name) => name.toLowerCase())
  const hasKey = names.includes('authorization') || names.includes('x-api-key')
  if (key !== null && !hasKey && isSameOrigin(request.url))
    request.headers = { ...headers, authorization: `Bearer ${key}` }
  return request
}

/** Without a key, openapi.json itself may be refused, and Swagger UI has no form for a key until it is loaded. */
function showKeyHint(response) {
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
  responseInterceptor: showKeyHint,
  // Keeps the key of the page out of the curl commands to copy.
  showMutatedRequest: false,
  // Swagger UI would otherwise send the address of this server to an online validator.
  validatorUrl: null,
  presets: [window.SwaggerUIBundle.presets.apis],
  plugins: [plainMarkdown],
})
