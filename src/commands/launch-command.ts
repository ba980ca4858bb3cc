// The words and options of the command `launch`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from './all.ts'

export function addLaunch(_program: Command, _setExitCode: SetExitCode): void {}
