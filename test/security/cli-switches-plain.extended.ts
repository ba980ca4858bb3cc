// The combinations that cli-switches-plain.test.ts leaves out.
import './cli-switches-plain.test.ts'
