// The Claude Code binary that is measured: the one that the Agent SDK ships for this platform, for all three systems.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export function findClaude(): string {
  const sdk = dirname(fileURLToPath(import.meta.resolve('@anthropic-ai/claude-agent-sdk')))
  const file = process.platform === 'win32' ? 'claude.exe' : 'claude'
  const candidates = ['', '-musl'].map((suffix) =>
    join(dirname(sdk), `claude-agent-sdk-${process.platform}-${process.arch}${suffix}`, file),
  )
  const found = candidates.find((path) => existsSync(path))
  if (!found) throw new Error(`no Claude Code binary for this platform; looked for\n  ${candidates.join('\n  ')}`)
  return found
}

export async function claudeVersion(claude: string, env: Record<string, string>): Promise<string> {
  const { stdout } = await promisify(execFile)(claude, ['--version'], { env })
  return stdout.trim()
}
