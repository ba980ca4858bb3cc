// A scripted Messages API on loopback: the model behind `--demo`, and the upstream of the tests.
// Replaces only the service: it neither forwards anything nor checks credentials.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type MessagesBody, parseBody } from './messages-body.ts'
import { errorBody, sendReply } from './reply.ts'
import { newId } from './reply-content.ts'
import { ClientGone, ReplySink } from './reply-sink.ts'
import { maskCredentials, type RecordedRequest, RequestLog, type RequestPredicate } from './request-log.ts'
import type { Step } from './step.ts'
import { DirectiveError, StepScript } from './steps.ts'

export type { MessagesBody } from './messages-body.ts'
export type { RecordedRequest } from './request-log.ts'
export type { Step } from './step.ts'

export type Upstream = {
  url: string
  port: number
  /** Oldest first; the oldest are dropped if there are more than `keep`. */
  requests: RecordedRequest[]
  inFlight(): number
  /** How many clients disconnected before their reply was complete. */
  aborted(): number
  /** Each step answers one request, before anything else is considered. */
  enqueue(...steps: Step[]): void
  setDefaults(step: Step): void
  /** Clears requests, queue and counters, and restores the initial defaults. */
  reset(): void
  /** A recorded request that matches, or the next one that does. `fromIndex` is the number of requests to skip. */
  waitForRequest(predicate?: RequestPredicate, fromIndex?: number): Promise<RecordedRequest>
  waitForAbort(predicate?: RequestPredicate): Promise<RecordedRequest>
  close(): Promise<void>
}

export type UpstreamOptions = {
  port?: number
  host?: string
  defaults?: Step
  keep?: number
  /** Only requests below this path are answered and recorded: others on this machine do not know it. */
  secretPath?: string
  /** Answer prompts without a directive as the demo model does. */
  scenarios?: boolean
  /** Counts the input tokens of a request if its step does not. Default: 10, and an estimate for `count_tokens`. */
  countInput?: CountInput
}

/** The limit of the real API. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024
const MODELS = {
  data: [{ type: 'model', id: 'claude-fake-1', display_name: 'Fake 1', created_at: '2025-01-01T00:00:00Z' }],
  has_more: false,
  first_id: 'claude-fake-1',
  last_id: 'claude-fake-1',
}

const always: RequestPredicate = () => true

export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const { port = 0, host = '127.0.0.1', defaults = {}, scenarios = false, countInput, secretPath = '' } = options
  // A demo may run for days and its prompts are private; a test needs to look back.
  const log = new RequestLog(options.keep ?? (scenarios ? 20 : 2000))
  const script = new StepScript(defaults, scenarios)
  let closing = false
  const server = createServer((req, res) => {
    if (!req.url?.startsWith(`${secretPath}/`)) return void res.writeHead(404).end()
    req.url = req.url.slice(secretPath.length)
    void serve(req, res, { log, script, isClosing: () => closing, ...(countInput && { countInput }) })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}${secretPath}`,
    port: address.port,
    requests: log.requests,
    inFlight: () => log.inFlight,
    aborted: () => log.aborted,
    enqueue: (...steps) => script.enqueue(...steps),
    setDefaults: (step) => script.setDefaults(step),
    reset: () => {
      log.reset()
      script.reset()
    },
    waitForRequest: (predicate = always, fromIndex = 0) => log.waitForRequest(predicate, fromIndex),
    waitForAbort: (predicate = always) => log.waitForAbort(predicate),
    close: () =>
      new Promise((resolve) => {
        closing = true
        log.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

type CountInput = (body: MessagesBody) => number
type State = { log: RequestLog; script: StepScript; isClosing: () => boolean; countInput?: CountInput }

async function serve(req: IncomingMessage, res: ServerResponse, state: State): Promise<void> {
  const sink = new ReplySink(res)
  try {
    await answer(req, res, sink, state)
  } catch (error) {
    if (error instanceof ClientGone || sink.isGone || !req.complete) return
    // A step that cannot be carried out, such as an invalid status: report it instead of leaving the test waiting.
    if (sink.headersSent) res.destroy()
    else sink.json(500, errorBody(500, `The script cannot be carried out: ${String(error)}`, newId('req_')))
  }
}

async function readRequest(req: IncomingMessage): Promise<{ bytes: number; raw: string }> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of req as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes <= MAX_REQUEST_BYTES) parts.push(part)
  }
  return { bytes, raw: bytes <= MAX_REQUEST_BYTES ? Buffer.concat(parts).toString('utf8') : '' }
}

type Received = {
  bytes: number
  raw: string
  pathname: string
  body: MessagesBody | null
  step?: Step
  error?: Error
  inputTokens?: number | undefined
}

/** Records the request before it is answered, so that a waiting test sees it while it is open. */
async function answer(req: IncomingMessage, res: ServerResponse, sink: ReplySink, state: State): Promise<void> {
  const { bytes, raw } = await readRequest(req)
  const { pathname } = new URL(req.url ?? '/', 'http://upstream')
  const body = parseBody(raw)
  const isScripted = req.method === 'POST' && pathname === '/v1/messages' && body
  const chosen = isScripted ? chooseStep(state.script, body) : {}
  const record = state.log.add({
    receivedAtMs: Date.now(),
    method: req.method ?? '',
    url: req.url ?? '',
    headers: maskCredentials(req.headers),
    bytes,
    raw,
    body,
    requestId: newId('req_'),
    ...(chosen.step && { step: chosen.step }),
  })
  const isAborted = () => !res.writableFinished && !sink.wasCut && !state.isClosing()
  if (res.closed) return state.log.finish(record, isAborted())
  res.once('close', () => state.log.finish(record, isAborted()))
  const inputTokens = body ? state.countInput?.(body) : undefined
  await route({ bytes, raw, pathname, body, inputTokens, ...chosen }, sink, record)
}

async function route(received: Received, sink: ReplySink, record: RecordedRequest): Promise<void> {
  const { bytes, raw, pathname, body, step, error, inputTokens } = received
  const { requestId } = record
  const onStatus = (status: number): void => {
    record.status = status
  }
  const plain = (status: number, value: unknown): void => {
    onStatus(status)
    sink.json(status, value, { 'request-id': requestId })
  }
  const refuse = (status: number, message: string): void => plain(status, errorBody(status, message, requestId))

  if (bytes > MAX_REQUEST_BYTES) return refuse(413, 'Request exceeds the maximum size')
  if (raw !== '' && !body) return refuse(400, 'The request body is not a JSON object')
  if (error) return refuse(400, error.message)
  if (step && body) return sendReply({ sink, body, step: withUsage(step, inputTokens), requestId, onStatus })
  if (pathname === '/v1/messages/count_tokens') return plain(200, { input_tokens: inputTokens ?? Math.ceil(bytes / 4) })
  if (pathname === '/v1/models') return plain(200, MODELS)
  refuse(404, 'The scripted upstream has no such route')
}

function withUsage(step: Step, inputTokens: number | undefined): Step {
  return inputTokens === undefined ? step : { ...step, usage: { input_tokens: inputTokens, ...step.usage } }
}

function chooseStep(script: StepScript, body: MessagesBody): { step?: Step; error?: Error } {
  try {
    return { step: script.choose(body) }
  } catch (error) {
    if (error instanceof DirectiveError) return { error }
    throw error
  }
}
