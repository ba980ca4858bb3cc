// The scripted model in a process of its own, so that it does not share the bench's event loop. Prints the address of its book as one
// JSON line and ends when the bench does. The book, which scripted-model.ts reads, reports where the model listens and which requests it
// received.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { startUpstream } from '../src/demo/upstream.ts'

const upstream = await startUpstream({ defaults: { tokens: 20 } })

/** The number of the last request, and all requests after the one numbered `after`. */
function read(after: number): Record<string, unknown> {
  const received = upstream.requests.filter(({ n, url }) => n > after && url.startsWith('/v1/messages'))
  const requests = received.map(({ headers, raw }) => ({
    session: headers['x-claude-code-session-id'],
    raw,
  }))
  return { url: upstream.url, last: upstream.requests.at(-1)?.n ?? 0, requests }
}

const book = http.createServer((request, response) => {
  const after = new URL(request.url ?? '/', 'http://book').searchParams.get('after')
  response.end(JSON.stringify(read(after === null ? Number.POSITIVE_INFINITY : Number(after))))
})
book.listen(0, '127.0.0.1', () => {
  const { port } = book.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ book: `http://127.0.0.1:${port}` })}\n`)
})

const end = () => void upstream.close().then(() => process.exit(0))
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.stdin.once('end', end).resume()
