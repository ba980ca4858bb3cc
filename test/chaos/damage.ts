// Files of the data folder are damaged between two servers. The next one either has everything, or does not start and says which file is
// wrong: it never starts with less than there was.
import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type KillableServer, type KillScene, setUp, until } from '../faults/killed-scene.ts'
import { post } from '../helpers/client.ts'
import type { Scenario, Trial } from './trial.ts'

const pageBytes = 4096

const noise = (trial: Trial, bytes: number) => Buffer.from(Array.from({ length: bytes }, () => trial.random() * 256))

/** Damages a file in place. */
type Damage = (file: string, trial: Trial) => void

function overwrite(file: string, trial: Trial, page: number): void {
  const content = readFileSync(file)
  noise(trial, pageBytes).copy(content, page * pageBytes)
  writeFileSync(file, content)
}

const damages: Record<string, Damage> = {
  'a page is overwritten': (file, trial) =>
    overwrite(file, trial, Math.floor((trial.random() * statSync(file).size) / pageBytes)),
  'the first page is overwritten': (file, trial) => overwrite(file, trial, 0),
  'the file is cut': (file, trial) => truncateSync(file, Math.floor(trial.random() * statSync(file).size)),
  'the file is emptied': (file) => truncateSync(file, 0),
  'the file is something else': (file, trial) => writeFileSync(file, noise(trial, 3 * pageBytes)),
}

type Outcome = { runs: number } | { refusal: string }

/** Starts a server on the folder: how many runs it knows, or why it does not start. */
async function startOn(folder: string, scene: KillScene): Promise<Outcome> {
  try {
    const server = await scene.start(folder)
    const { runs } = await runsOf(server)
    assert.equal(await server.stop(), 0)
    return { runs: runs.length }
  } catch (error) {
    const message = (error as Error).message
    if (!/did not start \(exit code [1-9]/.test(message)) throw error
    return { refusal: message }
  }
}

async function runsOf({ url }: KillableServer): Promise<{ runs: { status: string }[] }> {
  const response = await fetch(`${url}/v1/runs?limit=100`)
  const text = await response.text()
  assert.equal(response.status, 200, text)
  return JSON.parse(text)
}

async function damageRepeatedly(trial: Trial): Promise<void> {
  const scene = await setUp(trial, '--log-level=warn')
  const { dataDir } = scene.folders
  const server = await scene.start()
  const runs = 40
  for (let count = 0; count < runs; count++) {
    const prompt = `run ${count} ${'words '.repeat(300)}`
    const answer = await post(server, '/v1/chat', { prompt, background: true, tools: [], system_prompt: 'S' })
    assert.equal(answer.status, 202)
  }
  const haveEnded = async () =>
    (await runsOf(server)).runs.filter(({ status }) => status === 'succeeded').length === runs
  await until('all runs have ended', haveEnded)
  assert.equal(await server.stop(), 0)
  const copy = join(scene.folders.root, 'copy')
  const outcomes = { started: 0, refused: 0 }
  for (let round = 0; round < trial.times(1, 8); round++) {
    for (const [what, damage] of Object.entries(damages)) {
      rmSync(copy, { recursive: true, force: true })
      cpSync(dataDir, copy, { recursive: true })
      damage(join(copy, 'claude-serve.db'), trial)
      await trial.check(`the database: ${what}`, async () => {
        const outcome = await startOn(copy, scene)
        if ('runs' in outcome) {
          outcomes.started++
          assert.equal(outcome.runs, runs, `${outcome.runs} of ${runs} runs are left`)
        } else {
          outcomes.refused++
          assert.match(outcome.refusal, /claude-serve\.db/)
        }
      })
    }
  }
  // Nothing depends on the content of the others: they can be made again.
  const others = readdirSync(dataDir).filter(
    (name) => !name.startsWith('claude-serve.db') && statSync(join(dataDir, name)).isFile(),
  )
  for (const name of others) {
    for (const what of ['the file is emptied', 'the file is something else']) {
      rmSync(copy, { recursive: true, force: true })
      cpSync(dataDir, copy, { recursive: true })
      damages[what]?.(join(copy, name), trial)
      await trial.check(`${name}: ${what}`, async () => {
        const outcome = await startOn(copy, scene)
        if ('runs' in outcome) assert.equal(outcome.runs, runs)
        else assert.ok(outcome.refusal.includes(join(copy, name)), outcome.refusal)
      })
    }
  }
  trial.note(
    `${outcomes.started} times everything was there, ${outcomes.refused} times the server did not start; other files: ${others.join(' ')}`,
  )
}

export const damage: Scenario = {
  name: 'damage',
  promise: 'A server whose files were damaged has everything, or does not start and names the file',
  unit: 'damaged folders',
  run: damageRepeatedly,
}
