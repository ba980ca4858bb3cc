// The service on Linux: a unit of the user's own systemd, and the calls that start and end it.
import { isAbsolute, join } from 'node:path'
import { type Environment, userFolders } from '../../config/sources.ts'
import { CommandError } from '../command.ts'
import { type Manager, runTool } from './manager.ts'
import type { Plan } from './plan.ts'

const unit = 'claude-serve.service'
const systemctl = (...words: string[]) => ({ words: ['systemctl', '--user', ...words] })

export function systemd(environment: Environment): Manager {
  const { XDG_CONFIG_HOME: named } = environment
  const config = named && isAbsolute(named) ? named : join(userFolders(environment).home, '.config')
  const folder = join(config, 'systemd', 'user')
  const word = async (question: string) => (await runTool(systemctl(question, unit).words)).stdout.trim() || null
  return {
    file: join(folder, unit),
    links: [join(folder, 'default.target.wants', unit)],
    text: unitText,
    start: (isThere) => [
      systemctl('daemon-reload'),
      systemctl('enable', '--now', unit),
      ...(isThere ? [systemctl('restart', unit)] : []),
    ],
    stop: [systemctl('disable', '--now', unit)],
    forget: [systemctl('daemon-reload')],
    state: async () => ({ enabled: await word('is-enabled'), state: await word('is-active') }),
    activeState: 'active',
    afterwards: [
      'give it variables for the login: systemctl --user edit claude-serve',
      'let it run while you are not logged in: loginctl enable-linger',
      'see why it does not start: journalctl --user -u claude-serve',
    ].join('\n'),
  }
}

/**
 * An agent may do what its user may, sudo, containers and debuggers included: NoNewPrivileges and the sandbox of systemd would break
 * the commands that it runs, in ways that nobody would look for here. What a request may do is the server's own business (keys,
 * --cwd-root, --permission-modes).
 */
function unitText({ node, cli, flags, searchPath }: Plan): string {
  const command = [programWord(node), ...[cli, 'serve', ...flags].map(argumentWord)].join(' ')
  return `# Written by claude-serve service install, which would write it anew: your own settings belong into
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
# Wrong flags do not get better by trying again.
RestartPreventExitStatus=2
# The server ends its processes itself and gives requests 30 s; what is left after that is ended by force.
KillMode=mixed
TimeoutStopSec=60
# A command that takes too much memory is not the end of the server.
OOMPolicy=continue

[Install]
WantedBy=default.target
`
}

/** Throws CommandError. */
function programWord(path: string): string {
  // systemd itself refuses these in the name of a program; a dollar sign is one there.
  if (!/["'\\\p{Cc}]/u.test(path)) return quoted(path)
  throw new CommandError(`systemd cannot start ${JSON.stringify(path)}: install node where its path has no quotes`)
}

const argumentWord = (text: string) => quoted(text.replaceAll('$', '$$$$'))

/** Throws CommandError. */
function quoted(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new CommandError(`${JSON.stringify(text)} cannot be part of a service`)
  const escaped = text.replace(/[\\"]/g, String.raw`\$&`).replaceAll('%', '%%')
  return /^[\w@:,./=+%-]+$/.test(escaped) ? escaped : `"${escaped}"`
}
