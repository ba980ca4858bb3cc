// What is assumed about a CLI where a test is not about that.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileStamp } from '../../src/claude/cli/file-stamp.ts'
import { Examinations, type ExaminationsOptions, wholeLook } from '../../src/claude/examination/examinations.ts'
import { testClaude } from './test-claude.ts'

/** Every executable counts as having every ability, until one fails in use. */
export const assumedAbilities = (options: Partial<ExaminationsOptions> = {}): Examinations =>
  new Examinations({ dataDir: '/nonexistent', serverVersion: '1', examine: null, ...options })

const manifest = new URL('../../package.json', import.meta.url)
const { version: serverVersion } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }

/**
 * Lets a server that is started as a process find that its CLI has been examined and has every ability. `words`: its command line, which
 * may name the executable.
 */
export function noteExamined(dataDir: string, words: readonly string[] = []): void {
  const flag = words.find((word) => word.startsWith('--claude-bin='))
  const path = flag?.slice('--claude-bin='.length) ?? testClaude
  const examined = { missing: {}, defects: [], isUncertain: false }
  const environment = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` }
  const { stdout } = spawnSync(path, ['--version'], { env: environment, encoding: 'utf8', timeout: 5_000 })
  const version = stdout?.split(' ')[0] ?? ''
  const entry = { state: fileStamp(path), serverVersion, lookedFor: wholeLook, path, version, examined }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  writeFileSync(join(dataDir, 'claude-abilities.json'), JSON.stringify([entry]), { mode: 0o600 })
}
