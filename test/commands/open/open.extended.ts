// The rarer cases that open.test.ts leaves out.
import './open.test.ts'
