// The command `doctor`: looks at one thing after the other, and goes on whatever it finds. Not for how anything is looked at (see the
// other files of this name).
import { processEnvironment } from '../../config/load.ts'
import { answer, type ExitCode, type LocationFlags, print, printJson } from '../command.ts'
import { examineClaude, examineLogin, examineNode } from './claude.ts'
import { examineDatabase, examineKeys } from './database.ts'
import { examineEnvironment } from './environment.ts'
import { examineDisk, examineFiles, examineFolder } from './files.ts'
import { type Check, type DoctorContext, type Finding, problem, reasonOf, warning } from './finding.ts'
import { asLines, asSummary, cleaned, startWaiting } from './report.ts'
import { examineLocalhost, examinePort, examineServer } from './server.ts'
import { examineSettings } from './settings.ts'
import { examineTurn } from './turn.ts'

export type DoctorFlags = LocationFlags & { fix?: boolean }

const checks: readonly Check[] = [
  { name: 'claude', doing: 'looking for claude', examine: examineClaude },
  { name: 'login', doing: 'asking claude whether it is logged in', examine: examineLogin },
  { name: 'environment', doing: 'looking at the environment', examine: examineEnvironment },
  { name: 'data-folder', doing: 'looking at the data folder', examine: examineFolder },
  { name: 'files', doing: 'looking at its files', examine: examineFiles },
  { name: 'disk', doing: 'looking for room on the disk', examine: examineDisk },
  { name: 'database', doing: 'checking that the database is whole', examine: examineDatabase },
  { name: 'keys', doing: 'looking at the API keys', examine: examineKeys },
  { name: 'server', doing: 'looking for a running server', examine: examineServer },
  { name: 'port', doing: 'trying the port', examine: examinePort },
  { name: 'localhost', doing: 'asking where localhost is', examine: examineLocalhost },
]

const turn: Check = { name: 'turn', doing: 'asking the scripted model a question', examine: examineTurn }

const width = Math.max(...checks.map(({ name }) => name.length))

export function runDoctor(flags: DoctorFlags): Promise<ExitCode> {
  return answer('doctor', async () => {
    const findings: Finding[] = []
    const waiting = startWaiting(process.stderr)
    const tell = (found: readonly Finding[]) => {
      waiting.end()
      findings.push(...found)
      if (flags.json !== true) for (const finding of found) print(asLines(finding, width).join('\n'))
    }
    const environment = processEnvironment()
    const { dataDir, config: file } = flags
    const settings = examineSettings({ dataDir, config: file }, environment)
    tell([examineNode(), ...settings.findings])
    const patient: DoctorContext = { config: settings.config, environment, fixes: flags.fix === true }
    for (const check of checks) {
      waiting.show(check.doing)
      tell(await examine(check, patient))
    }
    waiting.show(turn.doing)
    tell(await lastOf(findings, patient))
    if (flags.json === true) printJson(findings.map(forScripts))
    else print(asSummary(findings))
    return findings.some(({ state }) => state === 'problem') ? 1 : 0
  })
}

/** What nobody thought of is a finding too. */
async function examine({ name, examine: look }: Check, patient: DoctorContext): Promise<Finding[]> {
  try {
    return await look(patient)
  } catch (fault) {
    return [problem(name, `this could not be looked at: ${reasonOf(fault)}`)]
  }
}

async function lastOf(findings: readonly Finding[], patient: DoctorContext): Promise<Finding[]> {
  const hasClaude = findings.some(({ check, state }) => check === 'claude' && state === 'ok')
  return hasClaude ? examine(turn, patient) : [warning(turn.name, 'not tried: there is no claude')]
}

const forScripts = ({ check, state, message, fix }: Finding): Finding => ({
  check,
  state,
  message: cleaned(message),
  fix: fix === null ? null : cleaned(fix),
})
