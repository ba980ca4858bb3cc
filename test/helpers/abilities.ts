// What is assumed about a CLI where a test is not about that.
import { Examinations, type ExaminationsOptions } from '../../src/claude/examination/examinations.ts'

/** Every executable counts as having every ability, until one fails in use. */
export const assumedAbilities = (options: Partial<ExaminationsOptions> = {}): Examinations =>
  new Examinations({ dataDir: '/nonexistent', serverVersion: '1', examine: null, ...options })
