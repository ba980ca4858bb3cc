// All commands except `serve`, in the order in which help lists them.
import type { Command } from 'commander'
import { addBatch } from './batch/command.ts'
import { addChat } from './chat/command.ts'
import type { SetExitCode } from './command.ts'
import { addCompletion } from './completion/command.ts'
import { addConfig } from './config/command.ts'
import { addDoctor } from './doctor/command.ts'
import { addKeys } from './keys/command.ts'
import { addLaunch } from './launch/command.ts'
import { addLogin } from './login/command.ts'
import { addLogs } from './logs/command.ts'
import { addModels } from './models-command.ts'
import { addOpen } from './open/command.ts'
import { addOpenapi } from './openapi-command.ts'
import { addRuns } from './runs/command.ts'
import { addService } from './service/command.ts'
import { addSessions } from './sessions/command.ts'
import { addStart } from './start/command.ts'
import { addStatus } from './status/command.ts'
import { addStop } from './stop/command.ts'
import { addQuota, addUsage } from './usage-command.ts'

const adders = [
  addStart,
  addStatus,
  addLogin,
  addOpen,
  addStop,
  addDoctor,
  addChat,
  addBatch,
  addModels,
  addSessions,
  addRuns,
  addUsage,
  addQuota,
  addLogs,
  addConfig,
  addKeys,
  addLaunch,
  addService,
  addCompletion,
  addOpenapi,
]

export function addCommands(program: Command, setExitCode: SetExitCode): void {
  for (const add of adders) add(program, setExitCode)
}
