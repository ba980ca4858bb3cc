#!/usr/bin/env node
// The real CLI with changes between it and whoever started it, as another version might have them. A file `altered.json` in its home folder
// lists their names; each is described below, next to what it does.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const require = createRequire(createRequire(import.meta.url).resolve('@anthropic-ai/claude-agent-sdk'))
const platform = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`
const real = ['', '-musl'].flatMap((libc) => {
  try {
    return [require.resolve(`${platform}${libc}/claude`)]
  } catch {
    return []
  }
})[0]

const file = join(process.env.HOME ?? '.', 'altered.json')
const changes = new Set(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [])

const rewound = { rewound: true }
const notFound = { rewound: false, error: 'target not found', reason: 'target_not_found' }
let rewinds = 0

/** Requests that are answered here, with success or with an error, and do not reach the CLI. */
const answers = {
  // Claims to have rewound, whatever it is told.
  'rewind-lies': ({ subtype }) => (subtype === 'rewind_conversation' ? rewound : undefined),
  // Claims it as the real one does: a second time there is nothing left.
  'rewind-lies-well': ({ subtype }) =>
    subtype === 'rewind_conversation' ? (++rewinds % 2 === 1 ? rewound : notFound) : undefined,
  // Always has a reason not to.
  'rewind-refused': ({ subtype }) =>
    subtype === 'rewind_conversation' ? { rewound: false, reason: 'turn_running' } : undefined,
  // Accepts a setting without applying it.
  'prompt-ignored': ({ settings }) => (settings?.agent === undefined ? undefined : {}),
  'model-ignored': ({ settings }) => (settings?.model === undefined ? undefined : {}),
  'options-ignored': ({ settings }) => (settings?.env === undefined ? undefined : {}),
  'tools-ignored': ({ subtype }) =>
    subtype === 'mcp_set_servers' ? { added: [], removed: [], errors: {} } : undefined,
}

let isPromptSet = false
let targets = []

/** What becomes of a request on its way to the CLI. */
const requests = {
  // Keeps the first message of the conversation.
  'rewind-partial': (request) => {
    if (request.subtype === 'rewind_conversation' && targets.length > 1) request.target_message_uuid = targets[1]
    if (request.subtype === 'rewind_conversation') targets = []
  },
  // Thinking cannot be switched off.
  'thinking-stays': ({ settings }) => {
    if (settings?.env?.CLAUDE_CODE_DISABLE_THINKING !== undefined) settings.env.CLAUDE_CODE_DISABLE_THINKING = ''
  },
  // Nothing is too long.
  'opening-asks': ({ settings }) => {
    if (settings?.env !== undefined) delete settings.env.CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE
  },
  // Only the first prompt of a process is applied.
  'prompt-sticks': ({ settings }) => {
    if (settings?.agent === undefined) return
    if (isPromptSet) delete settings.agent
    isPromptSet = true
  },
}

const unanswered = [...changes].flatMap((name) =>
  name.startsWith('unanswered:') ? [name.slice('unanswered:'.length)] : [],
)
const unknown = [...changes].flatMap((name) => (name.startsWith('unknown:') ? [name.slice('unknown:'.length)] : []))

/** What becomes of a line on its way to the CLI; null drops it. */
const toCli = {
  // The prompt is read as one that a person has typed: with commands and mentions of files.
  'prompts-interpreted': (line) => {
    if (line.type === 'user') delete line.client_composed
    return line
  },
  // Past answers of the model are lost.
  'answers-lost': (line) => (line.type === 'assistant' ? null : line),
  // Calls of tools are not deferred.
  'calls-not-deferred': (line) => {
    const decision = line.response?.response?.hookSpecificOutput
    if (decision !== undefined) decision.permissionDecision = 'deny'
    return line
  },
  // It does not start if the answer is to follow a schema.
  'schema-exits': (line) => {
    if (line.request?.jsonSchema !== undefined) process.exit(1)
    return line
  },
  // The schema of the answer is forgotten.
  'schema-forgotten': (line) => {
    if (line.request?.subtype === 'initialize') delete line.request.jsonSchema
    return line
  },
}

/** What becomes of a line of the CLI. */
const fromCli = {
  'no-models': (line) => {
    delete line.response?.response?.models
  },
  'no-message-id': (line) => {
    if (line.type !== 'result') return
    delete line.user_message_uuid
    delete line.user_message_uuids
  },
  'no-cost': (line) => {
    for (const field of ['model_usage_since_last_result', 'total_cost_usd', 'modelUsage']) delete line[field]
  },
  // It is not the version that it says it is.
  'other-version': (line) => {
    const answer = line.response?.response
    if (answer?.claude_code_version !== undefined) answer.claude_code_version = '9.9.9'
  },
  'models-rubbish': (line) => {
    if (line.response?.response?.models !== undefined) line.response.response.models = [null, 3, { value: 7 }]
  },
  'new-tool': (line) => {
    if (line.subtype === 'init') line.tools = [...(line.tools ?? []), 'Telepathy']
  },
  'new-command': (line) => {
    line.response?.response?.commands?.push({ name: 'telepathy', description: 'New.', argumentHint: '' })
  },
}

const chosen = (table) => Object.entries(table).flatMap(([name, change]) => (changes.has(name) ? [change] : []))

/** What becomes of the file that a process begins with. */
const pasts = {
  // The CLI reads less than what is in it.
  'loading-partial': (path) => {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    writeFileSync(`${path}.part.jsonl`, `${lines.slice(0, -2).join('\n')}\n`)
    return [`--resume=${path}.part.jsonl`]
  },
  // It begins a conversation of its own.
  'loading-ignored': () => [],
  // It takes the path for a name.
  'loading-refused': (path) => {
    process.stderr.write(`No conversation found with session ID: ${path}\n`)
    process.exit(1)
  },
}

function withPast(argument) {
  const [, path] = /^--resume=(.+\.jsonl)$/.exec(argument) ?? []
  return path === undefined ? [argument] : chosen(pasts).reduce((_, change) => change(path), [argument])
}

const child = spawn(real, process.argv.slice(2).flatMap(withPast), { stdio: ['pipe', 'pipe', 'inherit'] })
child.once('close', (code, signal) => (signal === null ? process.exit(code) : process.kill(process.pid, signal)))
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.stdin.on('error', () => {})

const reply = (response) => process.stdout.write(`${JSON.stringify({ type: 'control_response', response })}\n`)

function answerHere({ request_id, request }) {
  if (unanswered.includes(request.subtype)) return true
  if (unknown.includes(request.subtype)) {
    const error = `Unsupported control request subtype: ${request.subtype}`
    reply({ subtype: 'error', request_id, error, error_code: 'unsupported_request' })
    return true
  }
  const answer = chosen(answers)
    .map((change) => change(request))
    .find((each) => each !== undefined)
  if (answer !== undefined) reply({ subtype: 'success', request_id, response: answer })
  return answer !== undefined
}

function pass(text) {
  const line = JSON.parse(text)
  if (line.type === 'control_request') for (const change of chosen(requests)) change(line.request)
  if (line.type === 'control_request' && answerHere(line)) return
  if (line.type === 'user' && line.uuid !== undefined) targets.push(line.uuid)
  let changed = line
  for (const change of chosen(toCli)) changed = changed && change(changed)
  if (changed !== null) child.stdin.write(`${JSON.stringify(changed)}\n`)
}

createInterface({ input: process.stdin })
  .on('line', (text) => text.trim() !== '' && pass(text))
  .on('close', () => child.stdin.end())

createInterface({ input: child.stdout }).on('line', (text) => {
  if (!text.startsWith('{')) return process.stdout.write(`${text}\n`)
  const line = JSON.parse(text)
  for (const change of chosen(fromCli)) change(line)
  process.stdout.write(`${JSON.stringify(line)}\n`)
})
