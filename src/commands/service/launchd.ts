// The service on macOS: an agent of the user's launchd, and the calls that start and stop it.
import { join } from 'node:path'
import { type Environment, userFolders } from '../../config/sources.ts'
import { CommandError } from '../command.ts'
import { type Manager, runTool } from './manager.ts'
import type { Plan } from './plan.ts'

const label = 'claude-serve'

export function launchd(environment: Environment, uid: number): Manager {
  const { home } = userFolders(environment)
  const file = join(home, 'Library', 'LaunchAgents', `${label}.plist`)
  const errors = join(home, 'Library', 'Logs', `${label}.log`)
  const domain = `gui/${uid}`
  const bootout = { words: ['launchctl', 'bootout', `${domain}/${label}`], mayFail: true }
  return {
    file,
    links: [],
    text: (plan) => plistText(plan, errors),
    start: (isInstalled) => [...(isInstalled ? [bootout] : []), { words: ['launchctl', 'bootstrap', domain, file] }],
    stop: [bootout],
    afterRemoval: [],
    state: async () => {
      const { stdout, error } = await runTool(['launchctl', 'print', `${domain}/${label}`])
      const state = /^\s*state = (.+)$/m.exec(stdout)?.[1] ?? null
      return { enabled: error === null ? 'loaded' : 'not loaded', state }
    },
    activeState: 'running',
    afterwards: `if it does not start, see ${errors}`,
  }
}

/** Throws CommandError. */
function plistText({ node, cli, flags, searchPath, home }: Plan, errors: string): string {
  const words = [node, cli, 'serve', ...flags].map((word) => `    <string>${escaped(word)}</string>`).join('\n')
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by claude-serve service install, which overwrites this file. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${label}</string>
  <key>ProgramArguments</key>
  <array>
${words}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>
    <string>${escaped(searchPath)}</string>
  </dict>
  <key>WorkingDirectory</key>
  <string>${escaped(home)}</string>
  <key>RunAtLoad</key>
  <true/>
  <!-- Restart it after a failure, not after a stop. -->
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <!-- The server gives requests 30 s to finish. -->
  <key>ExitTimeOut</key>
  <integer>60</integer>
  <!-- People wait for its answers. -->
  <key>ProcessType</key>
  <string>Interactive</string>
  <key>StandardErrorPath</key>
  <string>${escaped(errors)}</string>
</dict>
</plist>
`
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** Throws CommandError. */
function escaped(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new CommandError(`${JSON.stringify(text)} cannot be part of a service`)
  return text.replace(/[&<>]/g, (character) => entities[character] ?? '')
}
