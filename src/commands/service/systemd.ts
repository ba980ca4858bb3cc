// The service on Linux: a unit of the user's systemd, and the calls that start and stop it.
import { isAbsolute, join } from 'node:path'
import { type Environment, userFolders } from '../../config/sources.ts'
import { CommandError } from '../command.ts'
import { type Manager, runTool } from './manager.ts'
import type { Plan } from './plan.ts'

const unit = 'claude-serve.service'
const systemctl = (...words: string[]) => ({ words: ['systemctl', '--user', ...words] })

export function systemd(environment: Environment): Manager {
  const { XDG_CONFIG_HOME: configHome } = environment
  const config = configHome && isAbsolute(configHome) ? configHome : join(userFolders(environment).home, '.config')
  const folder = join(config, 'systemd', 'user')
  const query = async (command: string) => (await runTool(systemctl(command, unit).words)).stdout.trim() || null
  return {
    file: join(folder, unit),
    links: [join(folder, 'default.target.wants', unit)],
    text: unitText,
    start: (isInstalled) => [
      systemctl('daemon-reload'),
      systemctl('enable', '--now', unit),
      ...(isInstalled ? [systemctl('restart', unit)] : []),
    ],
    stop: [systemctl('disable', '--now', unit)],
    afterRemoval: [systemctl('daemon-reload')],
    state: async () => ({ enabled: await query('is-enabled'), state: await query('is-active') }),
    activeState: 'active',
    afterwards: [
      'to set variables for the login: systemctl --user edit claude-serve',
      'to keep it running while you are logged out: loginctl enable-linger',
      'if it does not start, see: journalctl --user -u claude-serve',
    ].join('\n'),
  }
}

/**
 * An agent may do what its user may, including sudo, containers and debuggers: NoNewPrivileges and systemd's sandbox would break the
 * commands that it runs, and nobody would look for the cause here. The server itself limits what a request may do (keys, --cwd-root,
 * --permission-modes).
 */
function unitText({ node, cli, flags, searchPath }: Plan): string {
  const command = [programWord(node), ...[cli, 'serve', ...flags].map(argumentWord)].join(' ')
  return `# Written by claude-serve service install, which overwrites this file: put your own settings into
# systemctl --user edit claude-serve
[Unit]
Description=claude-serve, a local HTTP API in front of Claude Code
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
ExecStart=${command}
WorkingDirectory=~
Environment=${quoted(`PATH=${searchPath}`)}
Restart=on-failure
RestartSec=3
# A restart does not fix wrong flags.
RestartPreventExitStatus=2
# The server ends its own processes and gives requests 30 s to finish; whatever is left after that is killed.
KillMode=mixed
TimeoutStopSec=60
# A command that uses too much memory must not end the server.
OOMPolicy=continue

[Install]
WantedBy=default.target
`
}

/** Throws CommandError. */
function programWord(path: string): string {
  // systemd does not accept these in the name of a program; a dollar sign there stands for itself.
  if (!/["'\\\p{Cc}]/u.test(path)) return quoted(path)
  throw new CommandError(
    `systemd cannot start ${JSON.stringify(path)}: install node at a path without quotes or backslashes`,
  )
}

const argumentWord = (text: string) => quoted(text.replaceAll('$', '$$$$'))

/** Throws CommandError. */
function quoted(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new CommandError(`${JSON.stringify(text)} cannot be part of a service`)
  const escaped = text.replace(/[\\"]/g, String.raw`\$&`).replaceAll('%', '%%')
  return /^[\w@:,./=+%-]+$/.test(escaped) ? escaped : `"${escaped}"`
}
