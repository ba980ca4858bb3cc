// npm run bench: claude-serve, a server that starts a process per request, and the bare CLI, measured side by side in one run on one
// machine. Missed limits are shown but not fatal: the exit code is 0 if everything was measured.

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { claudeVersion } from './claude-binary.ts'
import { cleanUp } from './cleanup.ts'
import { describeMachine } from './machine.ts'
import type { Row } from './result.ts'
import { conversationMemoryRows } from './rows/conversation-memory-row.ts'
import { keptPrefixRows } from './rows/kept-prefix-rows.ts'
import { addedRow, agentRow, durableRows, nextTurnRow, plainRow } from './rows/latency-rows.ts'
import { throughputRows } from './rows/load-rows.ts'
import { manyConversationsRows } from './rows/many-conversations-rows.ts'
import { openaiFirstRows, openaiNextRow, openaiToolRows } from './rows/openai-rows.ts'
import { promptRows } from './rows/prompt-rows.ts'
import { realisticRows } from './rows/realistic-rows.ts'
import { memoryRows, startRow } from './rows/server-rows.ts'
import { takenOverRows } from './rows/taken-over-rows.ts'
import type { LatencyPlan } from './rows/turns.ts'
import { Systems } from './systems.ts'
import { renderReport } from './table.ts'

const HELP = `Usage: npm run bench -- [options]

  --rows a,b     only these rows: plain, agent, next-turn, throughput, added, durable, start,
                 memory, openai-first, openai-next, openai-tool, realistic, many-conversations,
                 taken-over, kept-prefix, prompts, conversation-memory (or 1 to 17)
  --rounds N     rounds of the latency rows
  --quick        fewer rounds and shorter load
  --json         all figures as JSON instead of the table
  --entry FILE   another build of claude-serve than what npm start runs (and dist/cli.js, for the start and memory rows)
`

interface Options {
  rows: RowName[]
  rounds: number | null
  quick: boolean
  json: boolean
  entry: string | null
}

type RowName = keyof typeof ROWS
type Measure = (systems: Systems, options: Options, progress: (text: string) => void) => Promise<Row[]>

/** In the order of the table. The numbers are the rounds of a row, by default and with --quick. */
const ROWS = {
  plain: latency(plainRow, 40, 10),
  agent: latency(agentRow, 20, 6),
  'next-turn': latency(nextTurnRow, 40, 10),
  throughput: (systems, { quick }, progress) => {
    const load = quick ? { slices: 2, sliceSeconds: 4 } : { slices: 3, sliceSeconds: 8 }
    return throughputRows(systems, { ...load, warmUpSeconds: 2, progress })
  },
  added: latency(addedRow, 100, 25),
  durable: latency(durableRows, 40, 10),
  start: async (systems, _options, progress) => [await startRow(systems, { progress })],
  memory: (systems, _options, progress) => memoryRows(systems, { progress }),
  'openai-first': latency(openaiFirstRows, 40, 10),
  'openai-next': latency(openaiNextRow, 40, 10),
  'openai-tool': latency(openaiToolRows, 20, 6),
  realistic: (systems, { quick }, progress) => {
    const plan = quick ? { sizes: [1, 8, 32], bursts: 1 } : { sizes: [1, 8, 32, 64], bursts: 3 }
    return realisticRows(systems, { ...plan, progress })
  },
  'many-conversations': (systems, { quick }, progress) =>
    manyConversationsRows(systems, { prompts: quick ? 6 : 20, progress }),
  'taken-over': (systems, { rounds, quick }, progress) => {
    const lengths = quick ? [10, 100, 400, 1000] : [10, 100, 400, 1000, 2000]
    return takenOverRows(systems, { lengths, rounds: rounds ?? (quick ? 4 : 10), progress })
  },
  'kept-prefix': (systems, { quick }, progress) => keptPrefixRows(systems, { turns: quick ? 1 : 3, progress }),
  prompts: latency(promptRows, 40, 10),
  'conversation-memory': (systems, _options, progress) => conversationMemoryRows(systems, { progress }),
} satisfies Record<string, Measure>

type LatencyRows = (systems: Systems, plan: LatencyPlan) => Promise<Row | Row[]>

function latency(measureRows: LatencyRows, usualRounds: number, quickRounds: number): Measure {
  return async (systems, { rounds, quick }, progress) =>
    [await measureRows(systems, { rounds: rounds ?? (quick ? quickRounds : usualRounds), progress })].flat()
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      entry: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const rounds = values.rounds === undefined ? null : Number(values.rounds)
  if (rounds !== null && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error(`--rounds: "${values.rounds}" is not a whole number above 0`)
  const entry = values.entry === undefined ? null : resolve(values.entry)
  return { rows: readRows(values.rows), rounds, quick: values.quick, json: values.json, entry }
}

function readRows(text: string | undefined): RowName[] {
  const names = Object.keys(ROWS) as RowName[]
  if (text === undefined) return names
  return text.split(',').map((wanted) => {
    const name = names.find((candidate, index) => candidate === wanted.trim() || String(index + 1) === wanted.trim())
    if (!name) throw new Error(`--rows: there is no row "${wanted}"; use ${names.join(', ')}`)
    return name
  })
}

/** Prints a line on stderr that overwrites itself, on terminals only. */
function progressLine(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

async function measure(options: Options): Promise<string> {
  const systems = await Systems.create(options.entry)
  const machine = describeMachine(
    await claudeVersion(systems.claude, systems.environment('/nonexistent', '/nonexistent')),
  )
  const rows: Row[] = []
  for (const name of options.rows) {
    const row: Measure = ROWS[name]
    rows.push(...(await row(systems, options, (text) => progressLine(`${name}: ${text}`))))
  }
  progressLine('')
  return options.json ? `${JSON.stringify({ machine, rows }, null, 2)}\n` : renderReport(machine, rows)
}

let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true
    void cleanUp().then(() => process.exit(signal === 'SIGINT' ? 130 : 143))
  })
}

try {
  const options = readOptions()
  process.stdout.write(options ? await measure(options) : HELP)
} catch (error) {
  if (!interrupted)
    process.stderr.write(
      `${process.stderr.isTTY ? '\n' : ''}bench: ${error instanceof Error ? error.message : String(error)}\n`,
    )
  process.exitCode = 1
} finally {
  await cleanUp()
}
