// The combinations that limits.test.ts leaves out.
import './limits.test.ts'
