// The combinations that plain-models.test.ts leaves out.
import './plain-models.test.ts'
