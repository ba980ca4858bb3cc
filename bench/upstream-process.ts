// The scripted model in a process of its own, so that it does not share the bench's event loop. Prints its address as
// one JSON line and ends when the bench does.

import { startUpstream } from '../src/demo/upstream.ts'

const upstream = await startUpstream({ defaults: { tokens: 20 } })
process.stdout.write(`${JSON.stringify({ url: upstream.url })}\n`)

const end = () => void upstream.close().then(() => process.exit(0))
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.stdin.once('end', end).resume()
