package demo
import ("testing";"os";"context";"time";"strings";"log/slog")
func TestZO(t *testing.T){ if os.Getenv("ZO")==""{t.Skip()}
 cfg:=Config{Once:os.Getenv("ZO")=="once",Out:os.Stdout,Listen:os.Getenv("ZL"),Mapping:os.Getenv("ZM")}
 if os.Getenv("ZLOG")!="" {cfg.Logger=slog.New(slog.NewTextHandler(os.Stderr,nil))}
 if f:=os.Getenv("ZF");f!=""{cfg.Events=strings.Split(f,",")}
 ctx,c:=context.WithTimeout(context.Background(),time.Hour); defer c()
 if err:=Run(ctx,cfg);err!=nil{t.Fatal(err)} }
