// The tests that accessibility.test.ts leaves out.
import './accessibility.test.ts'
