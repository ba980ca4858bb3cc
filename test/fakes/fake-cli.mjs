// What all the fakes of the `claude` binary share: the line protocol on stdin and stdout, and one good turn.
// Not a model of the CLI: it sends just enough to pass for it, and each script then breaks one thing.
// Plain JavaScript without dependencies, because these files are started as programs.
//
// If a file `record-here` exists in the working directory, each start is recorded there in `.fake-cli-log.jsonl`
// (an environment variable could not request this: the program under test does not pass unknown ones on).
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

export const VERSION = '2.1.330'

const TEXT = 'Hello from the fake CLI, this is an answer.'
const LOGGED_IN = { loggedIn: true, authMethod: 'api_key', apiProvider: 'firstParty' }

/** Writes one event and resolves when the reader has room for more. */
export function emit(value) {
  return write(`${JSON.stringify(value)}\n`)
}

export async function write(text, stream = process.stdout) {
  if (!stream.write(text)) await new Promise((resolve) => stream.once('drain', resolve))
}

/** Exits once everything written before has been read, like a program that returns from main. */
export async function exit(code) {
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve))
  process.exit(code)
}

/** Never resolves, and keeps the process alive meanwhile. */
export function hang() {
  stayAlive()
  return new Promise(() => {})
}

/** Not forever: a fake that a broken test left behind should not stay on the machine. */
function stayAlive() {
  return setTimeout(() => process.exit(99), 5 * 60_000)
}

/**
 * Runs a fake. Everything is optional:
 *   version, auth {body, code}   what `--version` and `auth status` print
 *   start()                      called before the first line is read
 *   control {subtype: handler}   handler(request) returns the response; { error } refuses; undefined stays silent
 *   turn(turn)                   replaces the good turn; see `Turn`
 *   immortal                     survives signals, the end of stdin and the reader of stdout
 */
export async function runFake(behavior = {}) {
  recordStart()
  const argv = process.argv.slice(2)
  if (argv.includes('--version')) return exit0(`${behavior.version ?? VERSION} (Claude Code)`)
  if (argv[0] === 'auth' && argv[1] === 'status') {
    const { body, code } = behavior.auth ?? { body: LOGGED_IN, code: 0 }
    await write(`${JSON.stringify(body)}\n`)
    return exit(code)
  }
  dieLikeTheCli(behavior.immortal)
  await behavior.start?.()
  await serve(behavior, argv)
}

/** The exit codes of the real CLI. */
function dieLikeTheCli(immortal = false) {
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 0],
  ]) {
    process.on(signal, () => immortal || process.exit(code))
  }
  process.stdout.on('error', () => immortal || process.exit(1))
  process.stderr.on('error', () => immortal || process.exit(1))
}

async function exit0(line) {
  await write(`${line}\n`)
  return exit(0)
}

function recordStart() {
  if (!existsSync('record-here')) return
  const { pid, argv, env } = process
  appendFileSync('.fake-cli-log.jsonl', `${JSON.stringify({ pid, argv, cwd: process.cwd(), env })}\n`)
}

async function serve(behavior, argv) {
  const state = {
    sessionId: sessionIdFrom(argv),
    model: flagValue(argv, '--model') ?? 'claude-fake-1',
    current: null,
    /** Whether it holds a conversation. */
    isLoaded: false,
    turns: 0,
  }
  // Turns run one after the other; control requests are answered at once, even in the middle of a turn.
  let queue = Promise.resolve()
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue
    const message = JSON.parse(line)
    if (message.type === 'control_request') await answerControl(message, behavior, state)
    if (message.type === 'user') queue = queue.then(() => playTurn(message, behavior, state))
  }
  await queue
  if (behavior.immortal) await hang()
  await exit(0)
}

function flagValue(argv, flag) {
  const joined = argv.find((argument) => argument.startsWith(`${flag}=`))
  if (joined !== undefined) return joined.slice(flag.length + 1)
  const index = argv.indexOf(flag)
  return index < 0 ? undefined : argv[index + 1]
}

function sessionIdFrom(argv) {
  return flagValue(argv, '--session-id') ?? flagValue(argv, '--resume') ?? randomUUID()
}

const CONTROL = {
  initialize: () => ({
    commands: [],
    agents: [],
    models: [],
    account: {},
    output_style: 'default',
    available_output_styles: [],
    pid: process.pid,
  }),
  rewind_conversation: (_request, state) => {
    const isThere = state.isLoaded
    state.isLoaded = false
    return isThere ? { rewound: true } : { rewound: false, reason: 'target_not_found' }
  },
  get_settings: () => ({ applied: { model: 'claude-fake-1', effort: 'medium' } }),
  interrupt: (_request, state) => {
    state.current?.interrupt()
    return { still_queued: [] }
  },
}

async function answerControl({ request_id, request }, behavior, state) {
  const handler = behavior.control?.[request.subtype] ?? CONTROL[request.subtype] ?? (() => ({}))
  const response = await handler(request, state)
  if (response === undefined) return
  const body = response.error
    ? { subtype: 'error', request_id, error: response.error }
    : { subtype: 'success', request_id, response }
  await emit({ type: 'control_response', response: body })
}

async function playTurn(message, behavior, state) {
  const turn = new Turn(message, state)
  state.current = turn
  state.turns++
  state.isLoaded = true
  // As in the real CLI, a turn continues if stdin ends in the middle of it.
  const timer = stayAlive()
  const play = message.shouldQuery === false ? noteOnly : (behavior.turn ?? goodTurn)
  await play(turn)
  if (turn.hasStarted) await turn.lifecycle('completed')
  clearTimeout(timer)
  state.current = null
}

/** A message that is only added to the conversation. */
async function noteOnly(turn) {
  await turn.init()
  await turn.result({ subtype: 'success', is_error: false, result: '', num_turns: 0 })
}

/** A turn that goes well from start to end. */
export async function goodTurn(turn) {
  await turn.init()
  await turn.begin()
  await turn.deltas(Number.POSITIVE_INFINITY)
  await turn.finish()
}

/** The events of one turn, in the order in which its methods should be called. */
export class Turn {
  constructor(message, state) {
    this.uuid = message.uuid
    this.state = state
    this.messageId = `msg_${randomUUID().replaceAll('-', '')}`
    this.pieces = TEXT.match(/\S+\s*/g) ?? []
    this.sent = ''
    this.hasStarted = false
    this.interrupted = new Promise((resolve) => {
      this.interrupt = resolve
    })
  }

  #event(fields) {
    return emit({ ...fields, session_id: this.state.sessionId, uuid: randomUUID() })
  }

  #stream(event) {
    return this.#event({ type: 'stream_event', event, parent_tool_use_id: null })
  }

  lifecycle(state) {
    return this.#event({ type: 'command_lifecycle', command_uuid: this.uuid, state })
  }

  async init() {
    this.hasStarted = true
    await this.lifecycle('queued')
    await this.lifecycle('started')
    await this.#event({
      type: 'system',
      subtype: 'init',
      cwd: process.cwd(),
      tools: [],
      mcp_servers: [],
      model: this.state.model,
      permissionMode: flagValue(process.argv, '--permission-mode') ?? 'default',
      slash_commands: [],
      apiKeySource: 'ANTHROPIC_API_KEY',
      claude_code_version: VERSION,
      output_style: 'default',
      agents: [],
      skills: [],
      plugins: [],
    })
  }

  #message(fields) {
    const usage = { input_tokens: 10, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }
    const rest = { stop_reason: null, stop_sequence: null, usage, ...fields }
    return { id: this.messageId, type: 'message', role: 'assistant', model: this.state.model, content: [], ...rest }
  }

  async begin() {
    await this.#event({ type: 'system', subtype: 'status', status: 'requesting', user_message_uuids: [this.uuid] })
    await this.#stream({ type: 'message_start', message: this.#message({}) })
    await this.#stream({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } })
  }

  /** Sends up to `count` more deltas of the text. */
  async deltas(count) {
    for (const text of this.pieces.splice(0, count)) await this.delta(text)
  }

  async delta(text) {
    this.sent += text
    await this.#stream({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
  }

  async finish() {
    const content = [{ type: 'text', text: this.sent }]
    await this.#event({
      type: 'assistant',
      message: this.#message({ content }),
      request_id: 'req_fake',
      parent_tool_use_id: null,
    })
    await this.#stream({ type: 'content_block_stop', index: 0 })
    const usage = { input_tokens: 10, output_tokens: 8 }
    await this.#stream({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage })
    await this.#stream({ type: 'message_stop' })
    await this.result({ subtype: 'success', is_error: false, result: this.sent, stop_reason: 'end_turn' })
  }

  /** The synthetic assistant message with which the CLI reports an error. */
  syntheticError(error, text) {
    const message = this.#message({
      model: '<synthetic>',
      content: [{ type: 'text', text }],
      stop_reason: 'stop_sequence',
    })
    return this.#event({ type: 'assistant', message, error, is_api_error_message: true, parent_tool_use_id: null })
  }

  result(fields) {
    const tokens = {
      inputTokens: 10,
      outputTokens: 8,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
      webSearchRequests: 0,
    }
    const perModel = {
      [this.state.model]: { ...tokens, costUSD: 0.0001, contextWindow: 200000, maxOutputTokens: 32000 },
    }
    return this.#event({
      type: 'result',
      api_error_status: null,
      terminal_reason: 'completed',
      stop_reason: null,
      num_turns: 1,
      duration_ms: 5,
      duration_api_ms: 3,
      total_cost_usd: 0.0001 * this.state.turns,
      usage: { input_tokens: 10, output_tokens: 8, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
      modelUsage: perModel,
      model_usage_since_last_result: perModel,
      permission_denials: [],
      user_message_uuid: this.uuid,
      user_message_uuids: [this.uuid],
      ...fields,
    })
  }

  /** How the real CLI ends a turn that was interrupted. */
  interruptedResult() {
    return this.result({
      subtype: 'error_during_execution',
      is_error: true,
      terminal_reason: 'aborted_streaming',
      errors: ['[ede_diagnostic] the turn was interrupted'],
    })
  }
}
