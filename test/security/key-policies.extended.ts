// The run that key-policies.test.ts leaves out.
import './key-policies.test.ts'
