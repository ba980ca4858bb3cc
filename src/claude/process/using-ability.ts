// What a refusal by a CLI process says about its executable: whether an ability is missing, or this process only would not do it now.
import { AbilityFailed, type AbilityName, AbilityRefused } from '../cli/abilities.ts'
import { SilentProcess, UnsupportedRequest } from '../cli/errors-from-sdk.ts'

/** Waits for a step that needs the ability. Throws AbilityFailed if the step shows that the CLI does not have it, or else AbilityRefused. */
export type UsingAbility = <T>(ability: AbilityName, step: Promise<T>) => Promise<T>

/** A CLI that does not know the command, or refuses it before the first turn of a process, does not have the ability. */
export const usingAbility =
  (isFresh: () => boolean): UsingAbility =>
  (ability, step) =>
    step.catch((error: unknown) => {
      if (error instanceof SilentProcess || error instanceof AbilityFailed) throw error
      const isMissing = error instanceof UnsupportedRequest || isFresh()
      throw new (isMissing ? AbilityFailed : AbilityRefused)(ability, messageOf(error), { cause: error })
    })

function messageOf(error: unknown): string {
  if (error instanceof TypeError) return 'its answer has another form'
  return error instanceof Error ? error.message : String(error)
}
