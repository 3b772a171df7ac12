# E_REGION_PERM @0: an indexed store to R3 (it reads what it does not write)
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
ST.stx region=R3 idx=0x100 n=[16,1,1,1] row_s=16 len=2 # fix: ST.stx region=R1 idx=0x100 n=[16,1,1,1] row_s=16 len=2
VX.halt
