// The command `doctor`: runs one check after the other, and continues whatever it finds. Not for how anything is checked (see the
// other files in this folder).
import { processEnvironment } from '../../config/load.ts'
import { type ExitCode, type LocationFlags, print, printJson, reasonOf, runCommand } from '../command.ts'
import { examineClaude, examineLogin, examineNode } from './claude.ts'
import { examineClaudeSettings } from './claude-settings.ts'
import { examineClock } from './clock.ts'
import { examineDatabase, examineKeys } from './database.ts'
import { examineEnvironment } from './environment.ts'
import { examineDisk, examineFiles, examineFolder } from './files.ts'
import { type Check, type DoctorContext, type Finding, problem, warning } from './finding.ts'
import { examineNetwork } from './network.ts'
import { examineProcesses } from './processes.ts'
import { asLines, asSummary, cleaned, startWaiting } from './report.ts'
import { examineLocalhost, examinePort, examineServer } from './server.ts'
import { examineSettings } from './settings.ts'
import { examineTurn } from './turn.ts'

export type DoctorFlags = LocationFlags & { fix?: boolean }

const checks: readonly Check[] = [
  { name: 'claude', doing: 'looking for claude', examine: examineClaude },
  { name: 'login', doing: 'checking the login', examine: examineLogin },
  { name: 'claude-settings', doing: "checking Claude Code's settings", examine: examineClaudeSettings },
  { name: 'environment', doing: 'checking the environment', examine: examineEnvironment },
  { name: 'network', doing: 'trying the proxies and addresses that are set', examine: examineNetwork },
  { name: 'clock', doing: 'checking the clock', examine: (context) => examineClock(context) },
  { name: 'data-folder', doing: 'checking the data folder', examine: examineFolder },
  { name: 'files', doing: 'checking its files', examine: examineFiles },
  { name: 'disk', doing: 'checking the free disk space', examine: examineDisk },
  { name: 'database', doing: 'checking the database', examine: examineDatabase },
  { name: 'keys', doing: 'checking the API keys', examine: examineKeys },
  { name: 'server', doing: 'looking for a running server', examine: examineServer },
  { name: 'processes', doing: 'looking at its processes', examine: examineProcesses },
  { name: 'port', doing: 'checking the port', examine: examinePort },
  { name: 'localhost', doing: 'resolving localhost', examine: examineLocalhost },
]

const turn: Check = { name: 'turn', doing: 'sending questions to the scripted model', examine: examineTurn }

const width = Math.max(...checks.map(({ name }) => name.length))

export function runDoctor(flags: DoctorFlags): Promise<ExitCode> {
  return runCommand('doctor', async () => {
    const findings: Finding[] = []
    const waiting = startWaiting(process.stderr)
    const report = (found: readonly Finding[]) => {
      waiting.end()
      findings.push(...found)
      if (flags.json !== true) for (const finding of found) print(asLines(finding, width).join('\n'))
    }
    const environment = processEnvironment()
    const { dataDir, config: file } = flags
    const settings = examineSettings({ dataDir, config: file }, environment, flags.fix === true)
    report([examineNode(), ...settings.findings])
    const context: DoctorContext = { config: settings.config, environment, appliesFixes: flags.fix === true }
    for (const check of checks) {
      waiting.show(check.doing)
      report(await runCheck(check, context))
    }
    waiting.show(turn.doing)
    report(await runTurnCheck(findings, context))
    if (flags.json === true) printJson(findings.map(forScripts))
    else print(asSummary(findings))
    return findings.some(({ state }) => state === 'problem') ? 1 : 0
  })
}

/** An unexpected error is a finding too. */
async function runCheck({ name, examine }: Check, context: DoctorContext): Promise<Finding[]> {
  try {
    return await examine(context)
  } catch (error) {
    return [problem(name, `this check failed: ${reasonOf(error)}`)]
  }
}

async function runTurnCheck(findings: readonly Finding[], context: DoctorContext): Promise<Finding[]> {
  const hasClaude = findings.some(({ check, state }) => check === 'claude' && state === 'ok')
  return hasClaude ? runCheck(turn, context) : [warning(turn.name, 'skipped: claude is not available')]
}

const forScripts = ({ check, state, message, fix }: Finding): Finding => ({
  check,
  state,
  message: cleaned(message),
  fix: fix === null ? null : cleaned(fix),
})
