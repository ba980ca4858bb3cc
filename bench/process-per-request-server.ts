// The yardstick: a server that starts `claude -p` for every request, written as well as that design allows. No web framework, the prompt
// on stdin, each piece of text forwarded as it arrives, the answer ended at the result line without waiting for the process to end. Runs
// as a process of its own; arguments: the claude binary and the working folder.

import { type ChildProcess, spawn } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { type JsonRecord, parseRecord, recordAt, stringAt } from './json.ts'

const [claude = '', workFolder = ''] = process.argv.slice(2)
const live = new Set<ChildProcess>()
/** The last process of each session, until it ends: a resume must not overtake its last write. */
const ending = new Map<string, Promise<void>>()

function readBody(request: http.IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.once('end', () => resolve(body))
    request.once('error', reject)
  })
}

function sendJson(response: http.ServerResponse, status: number, body: JsonRecord): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function argumentsFor(body: JsonRecord): string[] {
  const args = ['-p', '--output-format=stream-json', '--verbose', '--include-partial-messages']
  if (Array.isArray(body.tools)) args.push(`--tools=${body.tools.join(',')}`)
  const [system, model, session] = ['system_prompt', 'model', 'session_id'].map((key) => stringAt(body, key))
  if (system) args.push(`--system-prompt=${system}`)
  if (model) args.push(`--model=${model}`)
  if (session) args.push(`--resume=${session}`)
  return args
}

async function chat(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const body = parseRecord(await readBody(request))
  const prompt = body ? stringAt(body, 'prompt') : ''
  if (!body || !prompt) return sendJson(response, 400, { error: 'prompt is required' })
  await ending.get(stringAt(body, 'session_id'))

  const child = spawn(claude, argumentsFor(body), { cwd: workFolder, stdio: ['pipe', 'pipe', 'pipe'] })
  live.add(child)
  child.stdin.on('error', () => {})
  child.stdin.end(prompt)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-2_000)
  })

  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const send = (event: JsonRecord) => response.write(`data: ${JSON.stringify(event)}\n\n`)
  let sessionId = ''
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    const message = parseRecord(line)
    if (!message) return
    if (message.type === 'system' && message.subtype === 'init') {
      sessionId = stringAt(message, 'session_id')
      send({ type: 'start', session_id: sessionId, model: message.model })
    } else if (message.type === 'stream_event') {
      const delta = recordAt(recordAt(message, 'event'), 'delta')
      if (delta.type === 'text_delta') send({ type: 'delta', text: delta.text })
    } else if (message.type === 'result') {
      if (message.is_error === true) send({ type: 'error', error: message.result })
      else send({ type: 'done', result: message.result, session_id: sessionId, usage: message.usage })
      response.end()
    }
  })

  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      stderr = error.message
      resolve()
    })
    child.once('close', () => resolve())
  })
  response.once('close', () => {
    if (!response.writableFinished) child.kill('SIGTERM')
    if (sessionId) ending.set(sessionId, gone)
  })
  await gone
  live.delete(child)
  if (ending.get(sessionId) === gone) ending.delete(sessionId)
  if (!response.writableEnded) {
    send({ type: 'error', error: stderr || `claude ended with ${child.exitCode ?? child.signalCode}` })
    response.end()
  }
}

const server = http.createServer((request, response) => {
  if (request.method === 'GET' && request.url === '/v1/health') {
    sendJson(response, 200, { status: 'ok', processes: { live: live.size, idle: 0, busy: live.size, starting: 0 } })
  } else if (request.method === 'POST' && request.url === '/v1/chat/stream') {
    chat(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  } else {
    sendJson(response, 404, { error: 'not found' })
  }
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address() as AddressInfo
  process.stdout.write(`listening on http://127.0.0.1:${address.port}\n`)
})

/** Exits after its processes have ended, so that nothing writes to the folders that the bench then removes. */
const end = () => {
  for (const child of live) child.kill('SIGTERM')
  setInterval(() => {
    if (live.size === 0) process.exit(0)
  }, 5)
}
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.stdin.once('end', end).resume()
